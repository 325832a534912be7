"""The hand schedules in `examples/schedules`: each computes what numpy does, for whole blocks and for what is left."""

import importlib.util
import sys
from pathlib import Path

import pytest
import tensorir

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "schedules"
ODD = {
    "attention": [(1, 1, 1), (1, 17, 1), (2, 21, 9), (1, 40, 24), (1, 16, 64)],
    "conv2d": [(33, 15, 2), (5, 9, 1), (1, 1, 1), (33, 5, 3), (2, 2, 2)],
    "depthwise_conv2d": [(3, 13), (1, 1), (2, 65)],
    "gelu": [(7, 33), (1, 1), (2, 129)],
    "gemm": [(1, 1, 1), (7, 5, 3), (33, 130, 9), (19, 300, 33), (1, 300, 1), (257, 1, 7), (259, 257, 5), (300, 100, 3)],
    "gemv": [(3, 77), (5, 84), (1, 1), (1, 64)],
    "image_pipeline": [(17, 35), (1, 1), (33, 65)],
    "int8_gemm": [(9, 33, 7), (1, 1, 1), (8, 32, 4)],
    "layer_norm": [(3, 37), (2, 40), (1, 1), (1, 2), (2, 64)],
    "row_sums": [(3, 101), (3, 104), (1, 1), (1, 2), (2, 64)],
    "softmax": [(3, 35), (2, 72), (1, 1), (1, 2), (2, 64)],
    "transpose": [(37, 51), (1, 1), (1, 64), (130, 3)],
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
        for sizes in ODD[file.stem]:
            yield pytest.param(file.stem, sizes, id="-".join([file.stem, *map(str, sizes)]))


@pytest.mark.parametrize("name, sizes", list(cases()))
def test_a_kernel_computes_what_numpy_does(load, name, sizes):
    kernel = load(name)
    shape = kernel.SHAPES[0] if sizes is None else dict(zip(kernel.SHAPES[0], sizes, strict=True))
    arrays = kernel.arrays(**shape)
    tensorir.build(kernel.schedule(**shape).mod)["main"](*arrays)
    sys.modules["_run"].check(arrays[-1], kernel.reference(*arrays[:-1], **shape))


@pytest.mark.parametrize("name", [file.stem for file in FILES])
def test_the_defaults_are_the_first_shape(load, name):
    kernel = load(name)
    assert tensorir.structural_equal(kernel.schedule().mod, kernel.schedule(**kernel.SHAPES[0]).mod)


@pytest.mark.parametrize("name", [file.stem for file in FILES])
@pytest.mark.parametrize("size", [0, -3, 2.5])
def test_a_shape_without_elements_is_refused_by_name(load, name, size):
    kernel = load(name)
    for parameter in kernel.SHAPES[0]:
        with pytest.raises(ValueError, match=f"^{parameter} is an integer from 1 on, not {size}$"):
            kernel.schedule(**{**kernel.SHAPES[0], parameter: size})
