"""The house rules a machine can check: the package list, docstrings, file sizes, what the text never names."""

import ast
import re
import subprocess
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LAYERS = ("tir", "script", "schedule", "codegen", "meta_schedule")
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())

MAX_LINES = 600
# Files that are longer and still one job, each with the reason.
LONGER: dict[str, str] = {}

# Names of package registries and of machine-local folders, spelled so that this file does not contain them itself.
UNSPEAKABLE = re.compile(
    r"py"
    + r"pi\.|py"
    + r"thonhosted|conda\.an"
    + r"aconda|index"
    + r"-url|/wo"
    + r"rk/|/ho"
    + r"me/\w|/ro"
    + r"ot/|/Us"
    + r"ers/"
)


def package_files() -> list[Path]:
    """Every Python file of the package."""
    return sorted([*ROOT.glob("*.py"), *(f for layer in LAYERS for f in (ROOT / layer).rglob("*.py"))])


def repository_files() -> list[Path]:
    """Every file git tracks or would track; every file of the tree outside hidden folders where git is not there."""
    listing = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True
    )
    if listing.returncode == 0:
        names = [ROOT / line for line in listing.stdout.splitlines()]
    else:
        names = [f for f in ROOT.rglob("*") if not any(p.startswith(".") for p in f.relative_to(ROOT).parts)]
    return sorted(f for f in names if f.is_file())


def test_package_list_matches_the_tree() -> None:
    folders = {f.parent.relative_to(ROOT) for f in package_files() if f.name == "__init__.py"}
    tree = {".".join(("tensorir", *folder.parts)) for folder in folders}
    assert set(PYPROJECT["tool"]["setuptools"]["packages"]) == tree


def test_every_folder_with_code_is_a_package() -> None:
    bare = sorted({str(f.parent.relative_to(ROOT)) for f in package_files() if not (f.parent / "__init__.py").exists()})
    assert not bare, f"folders without __init__.py: {bare}"


def test_every_data_file_is_shipped() -> None:
    patterns = PYPROJECT["tool"]["setuptools"]["package-data"]["*"]
    data = [f for layer in LAYERS for f in (ROOT / layer).rglob("*") if f.is_file() and "__pycache__" not in f.parts]
    missing = [str(f.relative_to(ROOT)) for f in data if f.suffix != ".py" and not any(f.match(p) for p in patterns)]
    assert not missing, f"not in package-data: {missing}"


def test_every_module_says_its_job() -> None:
    silent = []
    for file in package_files():
        docstring = ast.get_docstring(ast.parse(file.read_text())) or ""
        first = docstring.split("\n\n")[0]
        if not re.search(r"[.:!?]", first) or len(first) > 400:
            silent.append(str(file.relative_to(ROOT)))
    assert not silent, f"modules whose docstring does not open with a sentence: {silent}"


def test_files_stay_small() -> None:
    sizes = {str(f.relative_to(ROOT)): len(f.read_text().splitlines()) for f in package_files()}
    long = {name: size for name, size in sizes.items() if size > MAX_LINES and name not in LONGER}
    assert not long, f"over {MAX_LINES} lines, split by topic: {long}"
    short = [name for name in LONGER if sizes.get(name, 0) <= MAX_LINES]
    assert not short, f"no longer over {MAX_LINES} lines: {short}"


def test_no_registry_or_machine_path_is_named() -> None:
    found = []
    for file in repository_files():
        try:
            text = file.read_text()
        except UnicodeDecodeError:
            continue  # an image
        found += [
            f"{file.relative_to(ROOT)}:{number}: {match.group()}"
            for number, line in enumerate(text.splitlines(), 1)
            if (match := UNSPEAKABLE.search(line))
        ]
    assert not found, "\n".join(found)


def test_the_facade_says_the_version_of_the_metadata() -> None:
    facade = ast.parse((ROOT / "__init__.py").read_text())
    (version,) = [
        node.value.value
        for node in facade.body
        if isinstance(node, ast.Assign)
        and [t.id for t in node.targets if isinstance(t, ast.Name)] == ["__version__"]
        and isinstance(node.value, ast.Constant)
    ]
    assert version == PYPROJECT["project"]["version"]
