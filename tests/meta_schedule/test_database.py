"""The database keeps measurements safely: keys, claims, migrations, exchange, and files that are not to be touched."""

import json
import sqlite3
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from tensorir import Schedule, Target, UserError, apply_tuned, parse
from tensorir.meta_schedule.database import Database, TaskKey
from tensorir.meta_schedule.features import NAMES
from tensorir.meta_schedule.keys import target_of, target_text, trace_key, workload_hash
from tensorir.meta_schedule.measure.outcome import Outcome, Status
from tensorir.meta_schedule.migrations import CURRENT, MIGRATIONS
from tensorir.script import workloads

MATMUL = workloads.matmul(16, 16, 16)
TASK = TaskKey.of(MATMUL, "llvm")
FAST, SLOWER = Outcome(Status.OK, (1.0, 2.0, 1.5), "", 3.0, 4.0), Outcome(Status.OK, (5.0,))
CRASH = Outcome(Status.CRASH, detail="ended by SIGSEGV while running")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "t.db"


def test_several_processes_may_make_the_file_at_once(path: Path) -> None:
    """Each loops over fresh files that the others make, too."""
    opening = "import sys; from tensorir.meta_schedule.database import Database\n" + (
        f"for n in range(40): Database({str(path)!r} + str(n)).close()"
    )
    processes = [subprocess.Popen([sys.executable, "-c", opening], stderr=subprocess.PIPE) for _ in range(3)]
    for process in processes:
        _, err = process.communicate(timeout=100)
        assert process.returncode == 0, err.decode()


def test_what_is_added_is_there_when_the_file_is_opened_again(path: Path) -> None:
    with Database(path) as database:
        database.add_workload(MATMUL)
        database.add(TASK, "a", "[]", SLOWER)
        database.add(TASK, "b", "[]", FAST, predicted=0.5, features=np.arange(len(NAMES), dtype=np.float32))
        database.add(TASK, "c", "[]", CRASH)
        database.add(TASK, "b", "[]", SLOWER)  # the first measurement stays
    with Database(path) as database:
        assert [r.key for r in database.top_k(TASK, 5)] == ["b", "a"]
        assert [r.outcome for r in database.records(TASK)] == [SLOWER, FAST, CRASH]
        assert database.failures(TASK) == {Status.CRASH: 1}
        assert database.record(2).predicted == 0.5
        features, ms = database.learning(TASK.target)[TASK.workload]
        assert features.tolist() == [list(range(len(NAMES)))] and ms.tolist() == [1.5]
        assert workload_hash(database.program(TASK.workload)["main"]) == TASK.workload
        with pytest.raises(UserError, match="no candidate 9"):
            database.record(9)


def test_keys_do_not_depend_on_names_but_on_structure_target_and_sizes() -> None:
    renamed = parse(MATMUL.script().replace("matmul", "f").replace("A", "X").replace('"C"', '"other"'))
    assert TaskKey.of(renamed, "llvm") == TASK
    assert TaskKey.of(workloads.matmul(16, 16, 32), "llvm") != TASK
    assert TaskKey.of(MATMUL, Target("llvm", num_threads=64)) != TASK
    for target in (Target("llvm"), Target("cuda", arch="sm_80"), Target("llvm", features="+avx512bf16,-fma")):
        assert target_of(target_text(target)) == target
    with pytest.raises(UserError, match="describes no target"):
        target_of("[]")


def test_a_candidate_belongs_to_who_claims_it_first(path: Path) -> None:
    with Database(path) as mine, Database(path) as theirs:
        assert mine.claim(TASK, ["a", "b"]) == ["a", "b"]
        theirs._connection.execute("UPDATE claim SET process = 1")  # init: alive, and not we
        assert theirs.claim(TASK, ["b", "c"]) == ["c"]
        theirs._connection.execute("UPDATE claim SET process = 4194999")  # beyond the greatest process number
        assert theirs.claim(TASK, ["b"]) == ["b"]
        mine.add(TASK, "a", "[]", FAST)
        assert theirs.claim(TASK, ["a"]) == []
        theirs._connection.execute("UPDATE claim SET host = 'elsewhere'")
        assert mine.claim(TASK, ["b"]) == []
        theirs._connection.execute("UPDATE claim SET since = since - 1e4")
        assert mine.claim(TASK, ["b"]) == ["b"]


def test_an_older_file_is_brought_up_to_date(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.executescript(MIGRATIONS[0] + "PRAGMA user_version = 1; PRAGMA application_id = 1953067618;")
    connection.execute("INSERT INTO workload VALUES ('h', 'f', 'text')")
    row = (TASK.workload, TASK.target, TASK.version, "a", "[]", "ok", "[2.0]", 2.0, "", 0.0, 0.0)
    connection.execute(f"INSERT INTO candidate VALUES (1, {', '.join('?' * 11)})", row)
    connection.commit()
    connection.close()
    with Database(path) as database:
        assert database.top_k(TASK)[0].outcome.ms == 2.0
        assert database.claim(TASK, ["a", "b"]) == ["b"]
        assert database._connection.execute("PRAGMA user_version").fetchone() == (CURRENT,)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: p.write_bytes(b"these are the notes of somebody, and no database at all" * 100), "no database"),
        (lambda p: _newer(p), "written by a newer version"),
        (lambda p: _foreign(p), "something else than tuning"),
        (lambda p: _damaged(p), "damaged"),
    ],
    ids=["text", "newer", "foreign", "damaged"],
)
def test_a_file_that_is_not_ours_is_left_as_it_is(path: Path, make: object, message: str) -> None:
    make(path)
    before = path.read_bytes()
    with pytest.raises(UserError, match=message):
        Database(path)
    assert path.read_bytes() == before
    assert [f.name for f in path.parent.iterdir()] == [path.name]


def _newer(path: Path) -> None:
    with Database(path) as database:
        database._connection.execute("PRAGMA journal_mode=DELETE")
        database._connection.execute(f"PRAGMA user_version = {CURRENT + 1}")


def _foreign(path: Path) -> None:
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE photographs (name TEXT)")
    connection.close()


def _damaged(path: Path) -> None:
    with Database(path) as database:
        for n in range(200):
            database.add(TASK, str(n), "x" * 1000, FAST)
        database._connection.execute("PRAGMA journal_mode=DELETE")
    content = bytearray(path.read_bytes())
    content[4096:20000] = bytes(20000 - 4096)
    path.write_bytes(bytes(content))


def test_json_lines_go_out_and_in(path: Path, tmp_path: Path) -> None:
    with Database(path) as database:
        database.add_workload(MATMUL)
        database.add(TASK, "a", '[["x"]]', FAST, predicted=1.0)
        database.add(TASK, "b", "[]", CRASH)
        lines = list(database.export())
        assert len(lines) == 3 and all(json.loads(line) for line in lines)
        with Database(tmp_path / "other.db") as other:
            other.add(TASK, "a", "[]", SLOWER)
            assert other.load(lines) == 1
            assert other.load(lines) == 0
            assert other.workloads() == database.workloads()
            assert [r.outcome.ms for r in other.top_k(TASK)] == [5.0], "what is known stays"
            with pytest.raises(UserError, match="line 2 is none"):
                other.load(["", '{"candidate": 1}'])


def test_apply_tuned_says_what_is_missing(path: Path) -> None:
    with pytest.raises(UserError, match="there is no tuning database"):
        apply_tuned(MATMUL, database=path)
    with Database(path) as database:
        database.add_workload(MATMUL)
        with pytest.raises(UserError, match=r"no measurement of 'relu'.*it knows matmul"):
            apply_tuned(workloads.relu(8, 8), database=database)
        sch = Schedule(database.program(TASK.workload), seed=0)
        sch.parallel(sch.get_loops(sch.get_block("C"))[0])
        database.add(TASK, trace_key(sch.trace), sch.trace.dumps(), FAST)
        assert "T.parallel" in apply_tuned(MATMUL, database=database).script()
