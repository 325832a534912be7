"""TVM's MetaSchedule at work on a program; runs in an interpreter that has TVM 0.27.

python tvm_tuner.py tune FOLDER     tunes FOLDER/program_tvm.py until it is stopped; measurements are in FOLDER/tvm
python tvm_tuner.py best FOLDER     replaces that file by the fastest program found, and prints how many were tried
"""

import sys
from pathlib import Path

import peers
import tvm
from tvm.s_tir import meta_schedule
from tvm.script import from_source

UNBOUNDED = 1_000_000
TRIALS_PER_ITERATION = 16
"""A quarter of TVM's own choice, of which not even the first round would be over in the times given here."""


def program(folder):
    """The program in `folder`, as a module."""
    return tvm.IRModule({"main": from_source((folder / "program_tvm.py").read_text())})


def tune(folder):
    """Tune for ever."""
    meta_schedule.tune_tir(
        program(folder),
        peers.tvm_target(),
        str(folder / "tvm"),
        UNBOUNDED,
        num_trials_per_iter=TRIALS_PER_ITERATION,
        seed=1,
    )


def best(folder):
    """Write the fastest program; without any measurement the file stays, and 0 is printed."""
    records = folder / "tvm" / "database_tuning_record.json"
    tried = len(records.read_text().splitlines()) if records.exists() else 0
    if tried:
        database = meta_schedule.database.JSONDatabase(work_dir=str(folder / "tvm"))
        found = meta_schedule.tir_integration.compile_tir(database, program(folder), peers.tvm_target())
        (folder / "program_tvm.py").write_text(found.mod["main"].script())
    print(tried)


if __name__ == "__main__":
    {"tune": tune, "best": best}[sys.argv[1]](Path(sys.argv[2]))
