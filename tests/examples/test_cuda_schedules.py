"""The GPU schedules in `examples/schedules`: each equals numpy in the emulator, and compiles without spills."""

import importlib.util
import sys
from pathlib import Path

import pytest
import tensorir
from tensorir.codegen.cuda import nvrtc

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "schedules"
NAMES = sorted(file.stem for file in FOLDER.glob("cuda_*.py"))


@pytest.fixture(scope="module", params=NAMES)
def kernel(request):
    """A kernel's module; what the kernels share is found beside them, as when they are run."""
    sys.path.insert(0, str(FOLDER))
    spec = importlib.util.spec_from_file_location(f"schedules_{request.param}", FOLDER / f"{request.param}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    sys.path.remove(str(FOLDER))


def test_the_emulator_computes_what_numpy_does(kernel):
    sys.modules["_cuda"].emulated(kernel, kernel.SMALL)


@pytest.mark.parametrize("arch", ["sm_80", "sm_90a"])
def test_the_large_shape_compiles_without_spills(kernel, arch):
    if not nvrtc.available():
        pytest.skip(nvrtc.MISSING)
    if arch not in getattr(kernel, "ARCHS", ("sm_80", "sm_90a")):
        pytest.skip(f"the schedule is for {', '.join(kernel.ARCHS)}")
    target = tensorir.Target("cuda", arch=arch)
    used = tensorir.build(kernel.schedule(**kernel.SHAPES[0]).mod, target).resources()
    assert used
    assert all(row.spills == 0 and row.stack_bytes == 0 for row in used.values())
