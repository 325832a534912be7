"""The command line: `python -m tensorir` opens a prompt; `run`, `show` and `tune` take a file; see `--help`."""

from __future__ import annotations

import argparse
import code
import importlib
import importlib.util
import linecache
import runpy
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from .meta_schedule.cli import add_commands
from .tir.errors import UserError

BANNER = """tensorir {version}: T, I, Schedule, build, lower, parse, Target are loaded.
Write a program with @T.prim_func, then: sch = Schedule(f); sch.get_loops("C"); sch.show(); build(sch.mod)(a, b, c)"""


def names() -> dict[str, Any]:
    """What the prompt starts with."""
    import tensorir

    loaded = ("T", "I", "Schedule", "build", "lower", "parse", "Target", "PrimFunc", "IRModule")
    return {"tensorir": tensorir, **{name: getattr(tensorir, name) for name in loaded}}


class Console(code.InteractiveConsole):
    """A prompt whose input stays readable, so that functions typed at it can be decorated."""

    entries = 0

    def runsource(self, source: str, filename: str = "<input>", symbol: str = "single") -> bool:
        """Run a complete entry, keeping its text under a file name of its own."""
        Console.entries += 1
        name = f"<tensorir-{Console.entries}>"
        linecache.cache[name] = (len(source), None, [line + "\n" for line in source.splitlines()], name)
        return super().runsource(source, name, symbol)

    def showtraceback(self) -> None:
        """Errors that speak to the user are shown without the path through the compiler."""
        error = sys.exc_info()[1]
        if isinstance(error, UserError):
            self.write(f"{type(error).__name__}: {error}\n")
        else:
            super().showtraceback()


def repl() -> int:
    """Open the prompt: IPython's where it is installed, Python's own otherwise."""
    import tensorir

    banner = BANNER.format(version=tensorir.__version__)
    if importlib.util.find_spec("IPython") is None:
        if importlib.util.find_spec("readline") is not None:
            importlib.import_module("readline")  # line editing at the prompt
        Console(names()).interact(banner=banner, exitmsg="")
        return 0
    import IPython
    from traitlets.config import Config

    config = Config()
    config.TerminalInteractiveShell.banner1 = banner + "\n"
    IPython.start_ipython(argv=[], user_ns=names(), config=config)
    return 0


def run(path: Path, arguments: Sequence[str]) -> int:
    """Run a script as Python does; errors that speak to the user come without a traceback."""
    argv = sys.argv
    sys.argv = [str(path), *arguments]
    sys.path.insert(0, str(path.parent))
    try:
        runpy.run_path(str(path), run_name="__main__")
    finally:
        sys.argv = argv
    return 0


def definitions(path: Path) -> dict[str, Any]:
    """What a file defines, by name; a file of program text alone is parsed without being run."""
    from .script.parser import parse
    from .tir.errors import ScriptError

    try:
        return {path.stem: parse(path.read_text(), filename=str(path))}
    except ScriptError:
        sys.path.insert(0, str(path.parent))
        return runpy.run_path(str(path), run_name="__tensorir__")


def show(path: Path, function: str | None) -> int:
    """Print every program that a file defines; a file of program text alone is parsed without being run."""
    from .tir.function import IRModule, PrimFunc

    programs = {name: value for name, value in definitions(path).items() if isinstance(value, (PrimFunc, IRModule))}
    if function is not None:
        if function not in programs:
            raise UserError(f"{path} defines no program {function!r}; it defines {', '.join(programs) or 'none'}")
        programs = {function: programs[function]}
    if not programs:
        raise UserError(f"{path} defines no program: no function decorated with @T.prim_func, no @I.ir_module")
    for program in programs.values():
        program.show()
    return 0


def main(argv: Sequence[str] | None = None) -> int:
    """The entry point; returns the exit status: 0, or 1 after an error that is shown."""
    parser = argparse.ArgumentParser(prog="tensorir", description=__doc__)
    commands = parser.add_subparsers(dest="command", title="commands", metavar="COMMAND")
    command = commands.add_parser("run", help="run a script; errors come as one readable message")
    command.add_argument("file", type=Path)
    command.add_argument("arguments", nargs=argparse.REMAINDER)
    command = commands.add_parser("show", help="print the programs that a file defines")
    command.add_argument("file", type=Path)
    command.add_argument("function", nargs="?")
    add_commands(commands)
    options = parser.parse_args(argv)
    if options.command is None:
        return repl()
    if options.command not in ("database", "fleet") and not options.file.is_file():
        parser.error(f"there is no file {options.file}")
    try:
        if options.command == "run":
            return run(options.file, options.arguments)
        if options.command == "show":
            return show(options.file, options.function)
        if options.command == "tune":
            return int(options.act(options, definitions(options.file)))
        return int(options.act(options))
    except UserError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    sys.exit(main())
