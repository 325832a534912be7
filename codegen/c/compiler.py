"""From C text to libraries and objects: the C compiler, what it is asked."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..compiler import Compiler
from ..target import Target, host

CC = Compiler(
    language="C",
    variable="CC",
    candidates=("cc", "gcc", "clang"),
    needed_by="the C target",
    advice="install gcc or clang, name one in the environment variable CC, or build for 'llvm', which needs none",
)
FLAGS = ("-std=gnu11", "-fPIC", "-fopenmp", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-w")
"""What every file is compiled with: a product and a sum are rounded each, unless a later flag says otherwise."""


def flags(target: Target, opt: int, extra: Sequence[str] = ()) -> tuple[str, ...]:
    """The compiler's flags for a target; `extra` come last and so override."""
    machine = ("-march=native",) if target.cpu == host()["cpu"] and target.triple in ("", host()["triple"]) else ()
    return (f"-O{opt}", *machine, *FLAGS, *extra)


def compiled(text: str, options: Sequence[str], suffix: str = ".so") -> Path:
    """The file that the compiler makes of `text`: from the cache, or made now.

    Raises
    ------
    BuildError: there is no compiler, or it refuses the text; its words are in the message.
    """

    def make(scratch: Path, fresh: Path) -> None:
        source = scratch / "kernel.c"
        source.write_text(text)
        invoke(source, fresh, options)

    return CC.made(f"kernel{suffix}", (text, host()["cpu"], *options), make)


def invoke(source: Path, out: Path, options: Sequence[str]) -> None:
    """Compile, and for a .so link, the file `source`, a .c or a .o.

    Raises
    ------
    BuildError: there is no compiler, or it refuses.
    """
    shared = out.suffix == ".so"
    CC.invoke(*options, "-shared" if shared else "-c", "-o", str(out), str(source), *(["-lm"] if shared else []))
