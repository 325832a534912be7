"""The system's C compiler: finding it, what it is asked, and a cache of what it made, keyed by content."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path

from ...tir.errors import BuildError
from ..target import Target, host

CANDIDATES = ("cc", "gcc", "clang")

FLAGS = ("-std=gnu11", "-fPIC", "-fopenmp", "-ffp-contract=off", "-fno-math-errno", "-fno-trapping-math", "-w")
"""What every file is compiled with: a product and a sum are rounded each, unless a later flag says otherwise."""


@cache
def find() -> tuple[str, ...]:
    """The C compiler's command: what the environment variable CC says, or the first of `CANDIDATES` on the path.

    Raises
    ------
    BuildError: there is none.
    """
    given = shlex.split(os.environ.get("CC", ""))
    for command in [given] if given else [[name] for name in CANDIDATES]:
        path = shutil.which(command[0])
        if path is not None:
            return (path, *command[1:])
    looked = f"{given[0]!r}, which CC names," if given else f"none of {', '.join(CANDIDATES)}"
    raise BuildError(
        f"the C target needs a C compiler, and {looked} {'is not' if given else 'is'} on the path; install gcc or "
        "clang, name one in the environment variable CC, or build for 'llvm', which needs none"
    )


@cache
def _version(command: tuple[str, ...]) -> str:
    return _run([*command, "--version"], "").stdout


def flags(target: Target, opt: int, extra: Sequence[str] = ()) -> tuple[str, ...]:
    """The compiler's flags for a target; `extra` come last and so override."""
    machine = ("-march=native",) if target.cpu == host()["cpu"] and target.triple in ("", host()["triple"]) else ()
    return (f"-O{opt}", *machine, *FLAGS, *extra)


def cache_folder() -> Path:
    """Where compiled libraries are kept: the folder that TENSORIR_CACHE names, or one in the user's cache folder."""
    given = os.environ.get("TENSORIR_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tensorir"


def compiled(text: str, options: Sequence[str], suffix: str = ".so") -> Path:
    """The file that the compiler makes of `text`: from the cache, or made now.

    Several processes may do this at once: each makes its own file and renames it into place in one step.

    Raises
    ------
    BuildError: there is no compiler, or it refuses the text; its words are in the message.
    """
    command = find()
    key = hashlib.sha256("\0".join((text, *command, _version(command), host()["cpu"], *options)).encode()).hexdigest()
    made = _writable(cache_folder()) / f"{key[:32]}{suffix}"
    if not made.exists():
        with tempfile.TemporaryDirectory(dir=made.parent, prefix="build-") as folder:
            fresh = Path(folder) / f"out{suffix}"
            source = Path(folder) / "kernel.c"
            source.write_text(text)
            invoke(source, fresh, options)
            os.replace(fresh, made)
    return made


def invoke(source: Path, out: Path, options: Sequence[str]) -> None:
    """Compile, and for a .so link, the file `source`, a .c or a .o.

    Raises
    ------
    BuildError: there is no compiler, or it refuses.
    """
    kind = "-shared" if out.suffix == ".so" else "-c"
    done = _run([*find(), *options, kind, "-o", str(out), str(source), *(["-lm"] if kind == "-shared" else [])], "")
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        raise BuildError("the C compiler refuses the code: " + "\n".join(lines[:12]))


def _run(command: list[str], text: str) -> subprocess.CompletedProcess[str]:
    try:
        return subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=600)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise BuildError(f"the C compiler {command[0]} cannot be run: {error}") from None


def _writable(folder: Path) -> Path:
    """The folder, made if need be; a temporary one for this process where it cannot be written."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        if os.access(folder, os.W_OK):
            return folder
    except OSError:
        pass
    return Path(_fallback())


@cache
def _fallback() -> str:
    return tempfile.mkdtemp(prefix="tensorir-")
