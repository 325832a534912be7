"""The command line: the prompt with functions typed at it, `run`, `show`, and how errors are shown."""

import subprocess
import sys
from pathlib import Path

PROGRAM = """@T.prim_func
def double(A: T.Buffer((8,), "float32"), B: T.Buffer((8,), "float32")):
    for i in range(8):
        with T.block("B"):
            vi = T.axis.spatial(8, i)
            B[vi] = A[vi] * T.float32(2)
"""


def tensorir(*arguments: str, typed: str = "") -> subprocess.CompletedProcess:
    """Run the command line."""
    command = [sys.executable, "-m", "tensorir", *arguments]
    return subprocess.run(command, input=typed, capture_output=True, text=True, timeout=120)


# Python's own prompt, also where IPython is installed.
PLAIN = "import sys; sys.modules['IPython'] = None; from tensorir.__main__ import main; sys.exit(main([]))"


def test_a_function_typed_at_the_prompt_runs() -> None:
    typed = PROGRAM + (
        "\nsch = Schedule(double)\n"
        "sch.parallel(sch.get_loops('B')[0])\n"
        "import numpy as np; a = np.arange(8, dtype='float32'); b = np.zeros_like(a)\n"
        "build(sch.mod)(a, b)\n"
        "print(b.tolist())\n"
        "sch.get_block('C')\n"
        "1 / 0\n"
        "print('still here')\n"
    )
    command = [sys.executable, "-c", PLAIN]
    out = subprocess.run(command, input=typed, capture_output=True, text=True, timeout=120)
    text = out.stdout + out.stderr
    assert "[0.0, 2.0, 4.0, 6.0, 8.0, 10.0, 12.0, 14.0]" in text
    assert "ScheduleError: get_block cannot be applied: function `double` has no block `C`" in text
    assert "ZeroDivisionError" in text
    assert "still here" in text
    assert "__main__.py" not in text, "the prompt's own frames are not shown"


def test_show_parses_text_without_running_it(tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(PROGRAM)
    out = tensorir("show", str(file))
    assert out.returncode == 0
    assert "def double(" in out.stdout
    assert "T.reads(A[vi])" in out.stdout


def test_show_runs_a_script(tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text("from tensorir import T\nn = 8\n" + PROGRAM.replace("(8,)", "(n,)") + "other = double\n")
    out = tensorir("show", str(file), "other")
    assert out.returncode == 0, out.stderr
    assert out.stdout.count("def double(") == 1
    missing = tensorir("show", str(file), "no_such")
    assert missing.returncode == 1
    assert "defines no program 'no_such'; it defines double, other" in missing.stderr


def test_run_gives_errors_as_one_message(tmp_path: Path) -> None:
    file = tmp_path / "script.py"
    file.write_text(
        "import sys\nfrom tensorir import T, Schedule\n"
        + PROGRAM
        + "print(sys.argv[1:])\nSchedule(double).get_block('C')\n"
    )
    out = tensorir("run", str(file), "one", "--two")
    assert out.returncode == 1
    assert out.stdout == "['one', '--two']\n"
    assert out.stderr.startswith("ScheduleError: get_block cannot be applied: function `double` has no block `C`")
    assert "Traceback" not in out.stderr


def test_missing_files_are_named(tmp_path: Path) -> None:
    out = tensorir("run", str(tmp_path / "nothing.py"))
    assert out.returncode == 2
    assert "there is no file" in out.stderr
