"""Makes `tvm_corpus.json` anew: our programs as Apache TVM prints them, before and after steps of its scheduler.

    TENSORIR_TVM_PYTHON=<interpreter that has tvm> python -m tests.script.tvm_corpus

The texts are TVM's prints of programs that are ours; the file is data for the parser's tests.
"""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

from tensorir.script import script

from .tvm_programs import RANDOM, STEPS, WORKLOADS, constructs

FILE = Path(__file__).with_name("tvm_corpus.json")
VARIABLE = "TENSORIR_TVM_PYTHON"


def ask(action: str, programs: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers of `tvm_worker.py`, run by the interpreter that the environment names."""
    worker = Path(__file__).with_name("tvm_worker.py")
    done = subprocess.run(
        [os.environ[VARIABLE], str(worker)],
        input=json.dumps({"action": action, "programs": programs}),
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "TVM_NUM_THREADS": "2"},
    )
    return json.loads(done.stdout)  # type: ignore[no-any-return]


def main() -> None:
    named = [(f.name, f) for f in WORKLOADS] + [(f"random {i}", f) for i, f in enumerate(RANDOM[:12])] + constructs()
    answers = ask("print", [{"text": script(f, dialect="tvm")} for _, f in named])
    entries = [{"name": n, "ours": script(f), "tvm": a["text"]} for (n, f), a in zip(named, answers, strict=True)]
    steps = [{"text": script(f, dialect="tvm"), "steps": text} for f, text in STEPS.values()]
    for (name, (f, _)), a in zip(STEPS.items(), ask("schedule", steps), strict=True):
        entries.append({"name": name, "ours": script(f), "tvm": a["text"], "scheduled": True})
    FILE.write_text(json.dumps(entries, indent=1) + "\n")


if __name__ == "__main__":
    main()
