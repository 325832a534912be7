"""The interpreter: what a program means, by running it. Every backend is compared with it.

It takes a program at any stage, from blocks to vectors and threads, compiles it to Python source once, and runs that.
What operations mean:

- Floats: each operation is computed in double and rounded once to its own type, ties to even. For float32 and
  narrower this equals IEEE arithmetic in that type for `+ - * /` and sqrt, since double has more than twice their
  digits; so compiled code without contraction agrees bit for bit. `FloorDiv` is the floor of the rounded quotient,
  `FloorMod` `a - floor(a / b) * b` with each step rounded, `Mod` C's fmod. Of two zeros, Min and Max may give either.
- Integers wrap to their type, but indices (what stands between brackets, bounds of loops, values of block iterators)
  are exact. Division by zero and shifts by a negative number of bits or by the width or more stop the program.
- Fresh memory is filled with ones: NaN, or -1.
- Loops run in order whatever their kind. Where the threads of a loop wait for each other (barriers, warp shuffles,
  allreduce), they run as coroutines from one meeting point to the next; "shared" memory is then one for all threads,
  memory allocated below the thread loops one for each. Where they do not wait, they run one after the other, and
  memory is what it says in the program: one buffer, one memory, whatever its scope.
- Vectors are evaluated lane by lane, and stored after all lanes are evaluated.
"""

from __future__ import annotations

from typing import Any

from ..tir.errors import RunError
from ..tir.function import IRModule, PrimFunc, as_module
from .interpret.arguments import arrange, bind
from .interpret.extern import register_extern
from .interpret.program import Program, program_of
from .interpret.report import TRANSLATED, translate
from .interpret.runtime import Runtime
from .interpret.scalars import Return

__all__ = ["register_extern", "run"]


def run(
    program: PrimFunc | IRModule,
    *args: Any,
    sanitize: bool = False,
    check_regions: bool = False,
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
    try:
        return _enter(target, Runtime(call), values)
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


def _function(module: IRModule, name: str | None) -> PrimFunc:
    if name is None:
        if len(module) != 1 and "main" not in module:
            raise RunError(f"the module has several functions, give name=: {', '.join(module)}")
        name = "main" if "main" in module else next(iter(module))
    return module[name]
