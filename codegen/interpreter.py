"""The interpreter: what a program means, by running it. Every backend is compared with it.

It takes a program at any stage, from blocks to vectors and threads, compiles it to Python source once, and runs that.
What operations mean:

- Floats: each operation is computed in double and rounded once to its own type, ties to even. For float32 and
  narrower this equals IEEE arithmetic in that type for `+ - * /` and sqrt, since double has more than twice their
  digits; so compiled code without contraction agrees bit for bit. `FloorDiv` is the floor of the rounded quotient,
  `FloorMod` Python's `%`, `Mod` C's fmod. Of two zeros, Min and Max may give either.
- Integers wrap to their type, but indices (what stands between brackets, bounds of loops, values of block iterators)
  are exact. Division by zero and shifts by a negative number of bits or by the width or more stop the program.
- Fresh memory is filled with ones: NaN, or -1.
- Loops run in order whatever their kind. Where the threads of a loop wait for each other (barriers, warp shuffles,
  allreduce), they run as coroutines from one meeting point to the next; the blocks of a grid do where there is a
  barrier over "global" memory. For an allreduce only the threads of the axes that it names do: where there are no
  barriers (lowering has not put them yet), the end of a loop over threads is where all of them have arrived.
- Where threads run so, "shared" memory is one for each block and virtual thread it is allocated below, "warp" memory
  one for each warp of 32 threads, and other memory allocated below thread loops one for each thread. What they all
  come to under no loop of some thread axis each of them computes for itself; what it stores to memory that threads
  share, the first thread of that axis stores. Where they do not wait, they run one after the other, and memory is what
  it says in the program: one buffer, one memory, whatever its scope.
- Vectors are evaluated lane by lane, and stored after all lanes are evaluated.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..tir.errors import CallError
from ..tir.function import IRModule, PrimFunc, as_module
from ..tir.visit import buffers_in
from .interpret.arguments import arrange, bind
from .interpret.extern import register_extern
from .interpret.memory import Pointer
from .interpret.program import Program, program_of
from .interpret.report import TRANSLATED, translate
from .interpret.runtime import Runtime
from .interpret.scalars import Return
from .interpret.shadow import Shadow

__all__ = ["register_extern", "run"]


def run(
    program: PrimFunc | IRModule,
    *args: Any,
    sanitize: bool = False,
    check_regions: bool = False,
    outputs: Sequence[str] = (),
    name: str | None = None,
    **named: Any,
) -> Any:
    """Run a function on arrays, in place, and return what its `T.ret` gives (None without one).

    Parameters
    ----------
    args, named: one argument a parameter, by position or by the parameter's name: arrays (numpy, or anything with
        the buffer protocol or DLPack; bfloat16 and 8-bit floats as `ml_dtypes`', 4-bit integers in int8), numbers.
    sanitize: also stop at accesses outside a buffer's shape, reads of memory never written, and races: two
        iterations of a parallel, vectorized or thread loop that touch one element, one of them writing.
    outputs: parameters whose contents are garbage when the function starts, for `sanitize`.
    check_regions: also stop where a block touches what it does not declare to read or write.
    name: the function of the module to run; by default its only one, or "main".

    Raises
    ------
    CallError: an argument does not fit its parameter.
    RunError: the program did something wrong; the statement is underlined, the variables around it are given.
    """
    module = as_module(program)
    function = _function(module, name)

    def compiled(f: PrimFunc) -> Program:
        return program_of(f, sanitize=sanitize, check_regions=check_regions)

    def call(runtime: Runtime, callee: str, values: Any) -> Any:
        target = compiled(module[callee])
        return _enter(target, runtime, bind(target, arrange(target.function, values, {})))

    target = compiled(function)
    values = bind(target, arrange(function, args, named))
    runtime = Runtime(call, _unit(module) if sanitize else 0)
    if sanitize:
        _shadow(function, values, outputs, runtime.unit)
    try:
        return _enter(target, runtime, values)
    except TRANSLATED as error:
        report = translate(error)
        if report is None:
            raise
        raise report from None


def _enter(target: Program, runtime: Runtime, values: list[Any]) -> Any:
    try:
        return target.main(runtime, *values)
    except Return as result:
        return result.args[0]


def _unit(module: IRModule) -> int:
    """The size of the smallest element of any buffer in the module, in bytes."""
    buffers = [b for f in module.functions.values() for b in (*f.buffers, *buffers_in(f.body))]
    return min((b.dtype.bytes for b in buffers), default=1)


def _shadow(function: PrimFunc, values: Sequence[Any], outputs: Sequence[str], unit: int) -> None:
    """Begin the sanitizer's records of the arguments."""
    unknown = set(outputs) - {b.name for b in function.buffers}
    if unknown:
        raise CallError(f"`{function.name}` has no buffer parameter {', '.join(sorted(unknown))} to be an output")
    for param, value in zip(function.params, values):
        if isinstance(value, Pointer) and value.memory is not None:
            buffer = function.buffer_map.get(param)
            if value.memory.shadow is None:
                fresh = buffer is not None and buffer.name in outputs
                value.memory.shadow = Shadow(len(value.memory.bytes), unit, initialised=not fresh)


def _function(module: IRModule, name: str | None) -> PrimFunc:
    if name is None:
        if len(module) != 1 and "main" not in module:
            raise CallError(f"the module has several functions, give name=: {', '.join(module)}")
        name = "main" if "main" in module else next(iter(module))
    return module[name]
