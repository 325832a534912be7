"""The hand schedules in `examples/schedules`: each computes what numpy does, for whole blocks and for what is left."""

import importlib.util
import sys
from pathlib import Path

import pytest
import tensorir

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "schedules"
ODD = {
    "attention": [{"heads": 2, "length": 21, "width": 9}, {"heads": 1, "length": 40, "width": 24}],
    "conv2d": [{"channels": 33, "size": 15, "stride": 2}, {"channels": 5, "size": 9, "stride": 1}],
    "depthwise_conv2d": [{"channels": 3, "size": 13}],
    "gelu": [{"m": 7, "n": 33}],
    "gemm": [{"m": 7, "n": 5, "k": 3}, {"m": 33, "n": 130, "k": 9}, {"m": 19, "n": 200, "k": 33}],
    "gemv": [{"m": 3, "k": 77}, {"m": 5, "k": 84}],
    "image_pipeline": [{"height": 17, "width": 35}],
    "int8_gemm": [{"m": 9, "n": 33, "k": 7}],
    "layer_norm": [{"m": 3, "n": 37}, {"m": 2, "n": 40}],
    "row_sums": [{"m": 3, "n": 101}, {"m": 3, "n": 104}],
    "softmax": [{"m": 3, "n": 35}, {"m": 2, "n": 72}],
    "transpose": [{"m": 37, "n": 51}],
}
FILES = sorted(file for file in FOLDER.glob("[!_]*.py") if not file.stem.startswith("cuda_"))


@pytest.fixture(scope="module")
def load():
    """Give a kernel's module by name; what the kernels share is found beside them, as when they are run."""
    sys.path.insert(0, str(FOLDER))
    loaded = {}

    def by_name(name):
        if name not in loaded:
            spec = importlib.util.spec_from_file_location(f"schedules_{name}", FOLDER / f"{name}.py")
            loaded[name] = importlib.util.module_from_spec(spec)
            sys.modules[spec.name] = loaded[name]
            spec.loader.exec_module(loaded[name])
        return loaded[name]

    yield by_name
    sys.path.remove(str(FOLDER))


def cases():
    for file in FILES:
        yield pytest.param(file.stem, None, id=file.stem)
        for shape in ODD[file.stem]:
            yield pytest.param(file.stem, shape, id="-".join([file.stem, *map(str, shape.values())]))


@pytest.mark.parametrize("name, shape", list(cases()))
def test_a_kernel_computes_what_numpy_does(load, name, shape):
    kernel = load(name)
    shape = kernel.SHAPES[0] if shape is None else shape
    arrays = kernel.arrays(**shape)
    tensorir.build(kernel.schedule(**shape).mod)["main"](*arrays)
    sys.modules["_run"].check(arrays[-1], kernel.reference(*arrays[:-1], **shape))


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_the_defaults_are_the_first_shape(load, name):
    kernel = load(name)
    assert tensorir.structural_equal(kernel.schedule().mod, kernel.schedule(**kernel.SHAPES[0]).mod)
