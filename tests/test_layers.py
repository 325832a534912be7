"""The import graph of the package, read from its source: imports go one way between the layers."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]

# What each layer may import besides itself. The facade (`__init__.py`, `__main__.py`) may import everything.
ALLOWED: dict[str, frozenset[str]] = {
    "tir": frozenset(),
    "script": frozenset({"tir"}),
    "schedule": frozenset({"tir", "script"}),
    "codegen": frozenset({"tir"}),
    "meta_schedule": frozenset({"tir", "script", "schedule", "codegen"}),
}
FACADE = "facade"

# The one arrow against the order: checking a schedule means running it. It must be taken inside a function.
LAZY_EXCEPTIONS = {("schedule/verify.py", "codegen")}


def layer_of(module: tuple[str, ...]) -> str:
    """The layer a dotted module path (without the leading `tensorir`) belongs to."""
    return module[0] if module and module[0] in ALLOWED else FACADE


def imports(source: str, package: tuple[str, ...]) -> list[tuple[int, tuple[str, ...], bool]]:
    """(line, imported module path inside tensorir, whether at import time) of every import of the package's own code.

    `package` is the dotted path of the package the module lives in, without the leading `tensorir`. Imports under
    `if TYPE_CHECKING:` count as imports at import time: a type is a dependency too.
    """
    found: list[tuple[int, tuple[str, ...], bool]] = []

    def visit(node: ast.AST, eager: bool) -> None:
        if isinstance(node, ast.Import):
            for alias in node.names:
                parts = tuple(alias.name.split("."))
                if parts[0] == "tensorir":
                    found.append((node.lineno, parts[1:], eager))
        elif isinstance(node, ast.ImportFrom):
            base = tuple(node.module.split(".")) if node.module else ()
            if node.level:
                base = package[: len(package) - (node.level - 1)] + base
            elif base[:1] == ("tensorir",):
                base = base[1:]
            else:
                return
            # `from . import codegen` names the layer in the alias, `from .codegen import build` in the module.
            found.extend((node.lineno, (*base, alias.name), eager) for alias in node.names)
        inner = eager and not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, inner)

    visit(ast.parse(source), True)
    return found


def violations(path: str, source: str) -> list[str]:
    """One sentence for every import in the file at `path` (relative to the package root) against the layer order."""
    parts = Path(path).with_suffix("").parts
    here = layer_of(parts)
    wrong = []
    for line, target, eager in imports(source, parts[:-1]):
        there = layer_of(target)
        if here == FACADE or there == here or there in ALLOWED[here]:
            continue
        if (path, there) in LAZY_EXCEPTIONS and not eager:
            continue
        wrong.append(f"{path}:{line}: {here} must not import {there} ({'.'.join(target) or 'the facade'})")
    return wrong


def package_files() -> list[str]:
    """Every Python file of the package, relative to its root."""
    files = [*ROOT.glob("*.py"), *(f for layer in ALLOWED for f in (ROOT / layer).rglob("*.py"))]
    return sorted(str(f.relative_to(ROOT)) for f in files)


def test_imports_follow_the_layers() -> None:
    files = package_files()
    assert "tir/__init__.py" in files
    wrong = [sentence for file in files for sentence in violations(file, (ROOT / file).read_text())]
    assert not wrong, "\n".join(wrong)


def test_every_exception_is_used() -> None:
    for file, layer in LAZY_EXCEPTIONS:
        if not (ROOT / file).parent.exists():
            continue
        targets = {layer_of(t) for _, t, _ in imports((ROOT / file).read_text(), Path(file).parts[:-1])}
        assert layer in targets, f"{file} no longer imports {layer}: drop the exception"


@pytest.mark.parametrize(
    ("path", "source", "arrow"),
    [
        ("tir/expr.py", "from ..script import parse", "tir must not import script"),
        ("tir/arith/bound.py", "from ... import codegen", "tir must not import codegen"),
        ("tir/expr.py", "import tensorir", "tir must not import facade"),
        ("script/printer.py", "from tensorir.schedule.trace import Trace", "script must not import schedule"),
        ("codegen/build.py", "def f():\n    from ..schedule import Schedule", "codegen must not import schedule"),
        ("schedule/state.py", "from ..codegen.interpreter import run", "schedule must not import codegen"),
        ("schedule/verify.py", "from ..codegen.interpreter import run", "schedule must not import codegen"),
        ("schedule/trace.py", "def f():\n    from ..codegen import build", "schedule must not import codegen"),
        ("codegen/passes/unroll.py", "import tensorir.meta_schedule", "codegen must not import meta_schedule"),
    ],
)
def test_a_wrong_arrow_is_found(path: str, source: str, arrow: str) -> None:
    (sentence,) = violations(path, source)
    assert arrow in sentence


@pytest.mark.parametrize(
    ("path", "source"),
    [
        ("script/printer.py", "from ..tir import expr\nfrom . import spans\nimport numpy"),
        ("schedule/verify.py", "def verify():\n    from ..codegen.interpreter import run"),
        ("meta_schedule/rules/unroll.py", "from ...codegen import build\nfrom ...schedule import Schedule"),
        ("__init__.py", "from .codegen import build\nfrom . import script"),
        ("tir/arith/bound.py", "from .. import expr\nfrom ..dtype import DataType\nfrom . import const"),
    ],
)
def test_a_right_arrow_passes(path: str, source: str) -> None:
    assert violations(path, source) == []
