"""What every kernel of this folder does when it is run: build, check against numpy, print its speed."""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType

import ml_dtypes
import numpy as np
import tensorir


def run(kernel: ModuleType, arguments: Sequence[str]) -> None:
    """Build, check and time `kernel` for the shape in `arguments` (`m=128 n=768`), or else for its first shape.

    A kernel is a module with `SHAPES`, `schedule(**shape)`, `arrays(**shape)` (what the function takes, the result
    last), `reference(*inputs, **shape)` (the result, by numpy) and `work(**shape)` (arithmetic operations, and the
    bytes that have to be read or written).
    """
    shape = {**kernel.SHAPES[0], **{name: int(size) for name, size in (a.split("=") for a in arguments)}}
    print(f"{Path(str(kernel.__file__)).stem}: {describe(shape)}")
    start = time.perf_counter()
    sch = kernel.schedule(**shape)
    scheduled = time.perf_counter()
    function = tensorir.build(sch.mod, target="llvm")["main"]
    built = time.perf_counter()
    steps = len(sch.trace)
    print(f"  {steps} steps in {1e3 * (scheduled - start):.0f} ms, built in {1e3 * (built - scheduled):.0f} ms")
    arrays = [aligned(array) for array in kernel.arrays(**shape)]
    function(*arrays)
    milliseconds = median_milliseconds(lambda: function(*arrays))
    # Only now, since the threads of numpy's BLAS go on spinning for a while.
    check(arrays[-1], kernel.reference(*arrays[:-1], **shape))
    print(f"  equal to numpy's result; {milliseconds:.3f} ms, {rate(kernel.work(**shape), milliseconds)}")


def require_sizes(**shape: int) -> None:
    """Refuse a shape that no array has.

    Raises
    ------
    ValueError: a size is not an integer above zero; the message names it.
    """
    for name, size in shape.items():
        if not isinstance(size, int) or size < 1:
            raise ValueError(f"{name} is an integer from 1 on, not {size!r}")


def aligned(array: np.ndarray) -> np.ndarray:
    """A copy that starts on a cache line, so that no vector lies on two."""
    copy = tensorir.empty(array.shape, str(array.dtype))
    copy[...] = array
    return copy


def describe(shape: dict[str, int]) -> str:
    """`m=128, n=768`."""
    return ", ".join(f"{name}={size}" for name, size in shape.items())


def check(got: np.ndarray, expected: np.ndarray) -> None:
    """Integers agree exactly, floats within 1e-4 of the greatest magnitude, or what their type rounds.

    Raises
    ------
    AssertionError: naming how many elements differ, and by how much.
    """
    if got.dtype.kind in "iu":
        np.testing.assert_array_equal(got, expected)
    else:
        tolerance = max(1e-4, float(ml_dtypes.finfo(got.dtype).eps))
        bound = tolerance * float(np.abs(expected).max())
        np.testing.assert_allclose(got.astype("float64"), expected.astype("float64"), rtol=tolerance, atol=bound)


def median_milliseconds(task: Callable[[], object], seconds: float = 0.3) -> float:
    """The median time of a run, over about `seconds` of running."""
    samples = []
    begin = time.perf_counter()
    while not samples or time.perf_counter() - begin < seconds:
        start = time.perf_counter()
        task()
        samples.append(time.perf_counter() - start)
    return 1e3 * statistics.median(samples)


def rate(work: tuple[int, int], milliseconds: float) -> str:
    """The speed in the unit that says more: GFLOP/s where there are over 4 operations to a byte, GB/s elsewhere."""
    operations, size = work
    if operations > 4 * size:
        return f"{operations / milliseconds / 1e6:.0f} GFLOP/s"
    return f"{size / milliseconds / 1e6:.1f} GB/s"


def main() -> None:
    """Run the module that was started."""
    run(sys.modules["__main__"], sys.argv[1:])
