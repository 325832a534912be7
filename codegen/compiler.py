"""Compilers of the system: finding one, running it, and keeping what it made, by all that this depends on."""

from __future__ import annotations

import hashlib
import os
import shlex
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from ..tir.errors import BuildError

KEPT_DAYS = 30
"""Days after which a compiled file is removed that nobody asked for."""


@dataclass(frozen=True)
class Compiler:
    """A compiler that the system may have.

    Attributes
    ----------
    language: what it compiles, as in "C++".
    variable: the environment variable that names its command.
    candidates: commands that are tried where the variable is not set.
    needed_by: what cannot do without it. advice: what to do where there is none.
    """

    language: str
    variable: str
    candidates: tuple[str, ...]
    needed_by: str
    advice: str

    def command(self) -> tuple[str, ...]:
        """The command: what the environment variable says, or the first of the candidates on the path.

        Raises
        ------
        BuildError: there is none.
        """
        return _command(self, os.environ.get(self.variable, ""), os.environ.get("PATH"))

    def version(self) -> str:
        """What the compiler says of itself."""
        return _version(self, self.command())

    def invoke(self, *options: str, refused: str = "the code") -> None:
        """Run the compiler; `refused` is what it refuses where it fails.

        Raises
        ------
        BuildError: there is no compiler, or it fails; its words are in the message.
        """
        done = self._run(*self.command(), *options)
        if done.returncode != 0:
            lines = [line for line in done.stderr.splitlines() if line.strip()]
            raise BuildError(f"the {self.language} compiler refuses {refused}: " + "\n".join(lines[:12]))

    def made(self, name: str, inputs: Iterable[str], make: Callable[[Path, Path], None]) -> Path:
        """The file called `name` that `make(scratch folder, file)` makes: from the cache, or made now.

        It is kept by its name, the compiler, and the texts and options in `inputs`, until nobody asked for it for
        `KEPT_DAYS`. Several processes may do this at once: each makes its own file and renames it into place.
        """
        key = "\0".join((name, *self.command(), self.version(), *inputs))
        cached = _writable(cache_folder() / "compiled")
        folder = cached / hashlib.sha256(key.encode()).hexdigest()[:32]
        file = folder / name
        if file.exists():
            with suppress(OSError):  # of another user, or on a medium that is only read
                os.utime(folder)
        else:
            _sweep(cached)
            folder.mkdir(exist_ok=True)
            with tempfile.TemporaryDirectory(dir=folder, prefix="build-") as scratch:
                fresh = Path(scratch) / name
                make(Path(scratch), fresh)
                os.replace(fresh, file)
        return file

    def _run(self, *command: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)
        except (OSError, subprocess.TimeoutExpired) as error:
            raise BuildError(f"the {self.language} compiler {command[0]} cannot be run: {error}") from None


@cache
def _command(compiler: Compiler, given: str, path: str | None) -> tuple[str, ...]:
    words = shlex.split(given)
    for command in [words] if words else [[name] for name in compiler.candidates]:
        found = shutil.which(command[0], path=path)
        if found is not None:
            return (found, *command[1:])
    looked = f"{words[0]!r}, which {compiler.variable} names, is not" if words else None
    looked = looked or f"none of {', '.join(compiler.candidates)} is"
    raise BuildError(
        f"{compiler.needed_by} needs a {compiler.language} compiler, and {looked} on the path; {compiler.advice}"
    )


@cache
def _version(compiler: Compiler, command: tuple[str, ...]) -> str:
    return compiler._run(*command, "--version").stdout


def cache_folder() -> Path:
    """Where compiled files are kept: the folder that TENSORIR_CACHE names, or one in the user's cache folder."""
    given = os.environ.get("TENSORIR_CACHE")
    if given:
        return Path(given)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "tensorir"


@cache
def _sweep(folder: Path) -> None:
    """Remove what nobody asked for in a long time; once a process, for each folder."""
    oldest = time.time() - KEPT_DAYS * 24 * 3600
    for entry in os.scandir(folder):
        if entry.is_dir(follow_symlinks=False) and entry.stat().st_mtime < oldest:
            shutil.rmtree(entry.path, ignore_errors=True)


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
