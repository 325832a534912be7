"""The database of measurements: one SQLite file, each candidate written at once, several tuners at a time."""

from __future__ import annotations

import json
import os
import socket
import sqlite3
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..codegen.target import Target, as_target
from ..schedule.trace import Trace
from ..script.parser import parse
from ..tir.errors import UserError
from ..tir.function import IRModule, PrimFunc, as_module
from .features import FEATURE_SET
from .keys import MAIN, code_version, target_text, workload, workload_hash
from .measure.outcome import Outcome, Status
from .migrations import APPLICATION, CURRENT, MIGRATIONS

if TYPE_CHECKING:
    import numpy as np

WAIT_SECONDS = 60.0
"""How long to wait for other processes that are writing."""

STALE_SECONDS = 600.0
"""After which a claim made on another machine is taken for abandoned."""


@dataclass(frozen=True, slots=True)
class TaskKey:
    """What a measurement is of: a workload's hash, a target as text, the version of the code."""

    workload: str
    target: str
    version: str

    @staticmethod
    def of(function: PrimFunc, target: str | Target) -> TaskKey:
        """The key of tuning `function` for `target` with this version."""
        return TaskKey(workload_hash(function), target_text(as_target(target)), code_version())


@dataclass(frozen=True, slots=True)
class Record:
    """A measured candidate. `key` is its trace's (see `keys.trace_key`), `predicted` the model's score before."""

    id: int
    task: TaskKey
    key: str
    trace: str
    outcome: Outcome
    predicted: float | None = None

    def schedule_trace(self) -> Trace:
        """The trace; see `Trace.from_json` for what it raises."""
        return Trace.from_json(self.trace)


_COLUMNS = "id, workload, target, version, key, trace, status, samples, detail, build_ms, total_ms, predicted"


class Database:
    """Measurements in one SQLite file (WAL). Each call commits by itself, so that whatever ends the process loses
    nothing that was measured; any number of processes may use the file at once.

    Parameters
    ----------
    path: of the file, made if there is none; ":memory:" keeps everything in memory.

    Raises
    ------
    UserError: the file is no tuning database, is damaged, or was written by a newer version; it is left as it is.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = str(path)
        in_memory = self.path == ":memory:"
        if not in_memory and Path(self.path).exists() and Path(self.path).stat().st_size:
            self._inspect()
        try:
            self._connection = sqlite3.connect(self.path, timeout=WAIT_SECONDS, isolation_level=None)
            if not in_memory:
                self._use_write_ahead_log()
                self._connection.execute("PRAGMA synchronous=NORMAL")
            self._migrate()
        except sqlite3.Error as error:
            raise UserError(f"the tuning database {self.path} cannot be opened: {error}") from None

    def _inspect(self) -> None:
        """Refuse a file that is not ours to write, without writing to it."""
        try:
            uri = f"{Path(self.path).resolve().as_uri()}?mode=ro"
            connection = sqlite3.connect(uri, uri=True, timeout=WAIT_SECONDS)
            try:
                connection.execute("BEGIN")  # one state of the file, even while another process makes its tables
                (application,) = connection.execute("PRAGMA application_id").fetchone()
                (version,) = connection.execute("PRAGMA user_version").fetchone()
                (tables,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
                (health,) = connection.execute("PRAGMA quick_check(1)").fetchone()
            finally:
                connection.close()
        except sqlite3.Error as error:
            raise UserError(
                f"{self.path} is damaged or no database ({error}); it was left as it is. "
                "Give another file, or restore it from a copy or its JSON lines"
            ) from None
        if application != APPLICATION and (application or tables):
            raise UserError(f"{self.path} is a database of something else than tuning; it was left as it is")
        if version > CURRENT:
            raise UserError(
                f"{self.path} was written by a newer version of tensorir (layout {version}; this one knows {CURRENT}); "
                "it was left as it is. Update tensorir, or give another file"
            )
        if health != "ok":
            raise UserError(f"{self.path} is damaged ({health}); it was left as it is. Restore it from a copy")

    def _use_write_ahead_log(self) -> None:
        """Switch a new file to WAL; SQLite does not wait by itself if another process is at it, too."""
        deadline = time.monotonic() + WAIT_SECONDS
        while True:
            try:
                self._connection.execute("PRAGMA journal_mode=WAL")
                return
            except sqlite3.OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.01)

    def _migrate(self) -> None:
        (version,) = self._connection.execute("PRAGMA user_version").fetchone()
        if version == CURRENT:
            return
        with self._transaction():
            (version,) = self._connection.execute(
                "PRAGMA user_version"
            ).fetchone()  # another process may have been here
            for number in range(version, CURRENT):
                for statement in filter(str.strip, MIGRATIONS[number].split(";")):
                    self._connection.execute(statement)
            self._connection.execute(f"PRAGMA user_version = {CURRENT}")
            self._connection.execute(f"PRAGMA application_id = {APPLICATION}")

    def _transaction(self) -> _Transaction:
        return _Transaction(self._connection)

    def close(self) -> None:
        """Close the file."""
        self._connection.close()

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __len__(self) -> int:
        (count,) = self._connection.execute("SELECT count(*) FROM candidate").fetchone()
        return int(count)

    # workloads

    def add_workload(self, function: PrimFunc) -> str:
        """Keep a workload's program; gives its hash."""
        key = workload_hash(function)
        program = workload(function).script()
        self._connection.execute("INSERT OR IGNORE INTO workload VALUES (?, ?, ?)", (key, function.name, program))
        return key

    def workloads(self) -> dict[str, str]:
        """The names of the workloads, by hash."""
        return dict(self._connection.execute("SELECT hash, name FROM workload ORDER BY rowid"))

    def program(self, key: str) -> IRModule:
        """The workload with a hash, its function being called `MAIN`.

        Raises
        ------
        UserError: there is none.
        """
        row = self._connection.execute("SELECT program FROM workload WHERE hash = ?", (key,)).fetchone()
        if row is None:
            raise UserError(f"{self.path} knows no workload {key!r}")
        return as_module(parse(row[0]))

    # measurements

    def claim(self, task: TaskKey, keys: Sequence[str]) -> list[str]:
        """Those of the candidates that nobody has measured or is measuring: they are the caller's to measure now.

        A claim ends when the result is added or its process is gone.
        """
        host, me, now = socket.gethostname(), os.getpid(), time.time()
        mine = []
        with self._transaction():
            for key in keys:
                where = (task.workload, task.target, task.version, key)
                condition = "workload = ? AND target = ? AND version = ? AND key = ?"
                if self._connection.execute(f"SELECT 1 FROM candidate WHERE {condition}", where).fetchone():
                    continue
                held = self._connection.execute(
                    f"SELECT host, process, since FROM claim WHERE {condition}", where
                ).fetchone()
                if held is None or _abandoned(held, host, me, now):
                    row = (*where, host, me, now)
                    self._connection.execute("INSERT OR REPLACE INTO claim VALUES (?, ?, ?, ?, ?, ?, ?)", row)
                    mine.append(key)
        return mine

    def add(
        self,
        task: TaskKey,
        key: str,
        trace: str,
        outcome: Outcome,
        *,
        predicted: float | None = None,
        features: np.ndarray[Any, Any] | None = None,
    ) -> int:
        """Write a measurement; the first one of a candidate stays. Gives its number.

        Parameters
        ----------
        predicted: the cost model's score before. features: what cost models learn from (see `features`), float32.
        """
        ms = outcome.ms if outcome.samples else None
        samples = json.dumps([round(s, 7) for s in outcome.samples])
        where = (task.workload, task.target, task.version, key)
        row = (*where, trace, outcome.status.value, samples, ms, outcome.detail, outcome.build_ms, outcome.total_ms)
        blob = (None, None) if features is None else (FEATURE_SET, features.astype("float32").tobytes())
        with self._transaction():
            self._connection.execute(
                "INSERT OR IGNORE INTO candidate (workload, target, version, key, trace, status, samples, ms, detail,"
                " build_ms, total_ms, predicted, measured_at, feature_set, features)"
                f" VALUES ({', '.join('?' * 15)})",
                (*row, predicted, time.time(), *blob),
            )
            condition = "workload = ? AND target = ? AND version = ? AND key = ?"
            self._connection.execute(f"DELETE FROM claim WHERE {condition}", where)
            (number,) = self._connection.execute(f"SELECT id FROM candidate WHERE {condition}", where).fetchone()
        return int(number)

    def records(self, task: TaskKey | None = None) -> list[Record]:
        """All measurements, or those of a task, in the order in which they were made."""
        if task is None:
            return self._query("ORDER BY id", ())
        return self._query("WHERE workload = ? AND target = ? AND version = ? ORDER BY id", _where(task))

    def top_k(self, task: TaskKey, k: int = 1) -> list[Record]:
        """The fastest candidates that work, the fastest first."""
        condition = "WHERE workload = ? AND target = ? AND version = ? AND status = 'ok' ORDER BY ms, id LIMIT ?"
        return self._query(condition, (*_where(task), k))

    def others(self, task: TaskKey, k: int) -> list[Record]:
        """The `k` fastest candidates of each other workload measured for the same target and version, the fastest of
        each first, then the second ones."""
        known = self._connection.execute(
            "SELECT DISTINCT workload FROM candidate WHERE workload <> ? AND target = ? AND version = ?", _where(task)
        )
        best = [self.top_k(replace(task, workload=key), k) for key in sorted(key for (key,) in known)]
        return [records[rank] for rank in range(k) for records in best if rank < len(records)]

    def record(self, number: int) -> Record:
        """The measurement with a number.

        Raises
        ------
        UserError: there is none.
        """
        found = self._query("WHERE id = ?", (number,))
        if not found:
            raise UserError(f"{self.path} has no candidate {number}")
        return found[0]

    def failures(self, task: TaskKey | None = None) -> Counter[Status]:
        """How many candidates failed, by kind."""
        counted = Counter(record.outcome.status for record in self.records(task))
        return Counter({status: n for status, n in counted.items() if status not in (Status.OK, Status.SLOW)})

    def learning(self, target: str) -> dict[str, tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]:
        """Features and milliseconds (infinite for failures) measured for a target with this version, by workload."""
        import numpy as np

        rows = self._connection.execute(
            "SELECT workload, features, ms FROM candidate"
            " WHERE target = ? AND version = ? AND feature_set = ? ORDER BY id",
            (target, code_version(), FEATURE_SET),
        )
        found: dict[str, tuple[list[Any], list[float]]] = {}
        for key, features, ms in rows:
            tables, times = found.setdefault(key, ([], []))
            tables.append(np.frombuffer(features, np.float32))
            times.append(float("inf") if ms is None else ms)
        return {key: (np.stack(tables), np.array(times)) for key, (tables, times) in found.items()}

    def _query(self, condition: str, values: Iterable[Any]) -> list[Record]:
        rows = self._connection.execute(f"SELECT {_COLUMNS} FROM candidate {condition}", tuple(values))
        return [_record(row) for row in rows]

    # exchange

    def export(self) -> Iterator[str]:
        """Everything as JSON lines: first the workloads, then the measurements."""
        for key, name, program in self._connection.execute("SELECT * FROM workload ORDER BY rowid"):
            yield json.dumps({"workload": key, "name": name, "program": program})
        for record in self.records():
            task = record.task
            head = {"candidate": record.key, "of": task.workload, "target": task.target, "version": task.version}
            tail = {"trace": json.loads(record.trace), "predicted": record.predicted}
            yield json.dumps({**head, **tail, "outcome": record.outcome.as_json()})

    def load(self, lines: Iterable[str]) -> int:
        """Read JSON lines that `export` wrote; what is known already is left. Gives how many measurements are new.

        Raises
        ------
        UserError: a line is not one of these; those before it are kept.
        """
        before = len(self)
        for number, line in enumerate(lines, 1):
            if not line.strip():
                continue
            try:
                data = json.loads(line)
                if "workload" in data:
                    row = (str(data["workload"]), str(data["name"]), str(data["program"]))
                    self._connection.execute("INSERT OR IGNORE INTO workload VALUES (?, ?, ?)", row)
                    continue
                task = TaskKey(data["of"], data["target"], data["version"])
                outcome = Outcome.from_json(data["outcome"])
                self.add(task, data["candidate"], json.dumps(data["trace"]), outcome, predicted=data["predicted"])
            except (ValueError, KeyError, TypeError) as error:
                raise UserError(f"line {number} is none of a tuning database: {error!r}") from None
        return len(self) - before


class _Transaction:
    """BEGIN IMMEDIATE ... COMMIT, or ROLLBACK after an exception: the write lock is taken before anything is read."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def __enter__(self) -> None:
        self.connection.execute("BEGIN IMMEDIATE")

    def __exit__(self, kind: Any, *_: object) -> None:
        self.connection.execute("COMMIT" if kind is None else "ROLLBACK")


def _where(task: TaskKey) -> tuple[str, str, str]:
    return task.workload, task.target, task.version


def _record(row: tuple[Any, ...]) -> Record:
    number, key, target, version, candidate, trace, status, samples, detail, build_ms, total_ms, predicted = row
    outcome = Outcome(Status(status), tuple(json.loads(samples)), detail, build_ms, total_ms)
    return Record(number, TaskKey(key, target, version), candidate, trace, outcome, predicted)


def _abandoned(held: tuple[str, int, float], here: str, me: int, now: float) -> bool:
    """Whether a claim's process is gone, or (on another machine) has been silent for too long."""
    host, process, since = held
    if host != here:
        return now - since > STALE_SECONDS
    if process == me:
        return True
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return True
    except PermissionError:
        return False
    return False


def apply_tuned(
    mod: PrimFunc | IRModule, target: str | Target = "llvm", database: str | os.PathLike[str] | Database = ""
) -> IRModule:
    """The module with every function that the database knows scheduled by its fastest trace; the others as they are.

    Functions are found by structure, whatever they and what is in them are called.

    Raises
    ------
    UserError: no function of the module is known there, or the file cannot be read.
    """
    if not isinstance(database, Database):
        with _existing(database) as opened:
            return apply_tuned(mod, target, opened)
    where = as_target(target)
    module = as_module(mod)
    tuned = {name: tuned_function(database, function, where) for name, function in module.items()}
    if not any(tuned.values()):
        known = ", ".join(sorted(set(database.workloads().values()))) or "nothing"
        raise UserError(
            f"{database.path} has no measurement of {', '.join(map(repr, module))} for {where!r} with version "
            f"{code_version()}; it knows {known}"
        )
    for name, function in tuned.items():
        if function is not None:
            module = module.with_function(name, function.with_name(module[name].name))
    return module


def tuned_function(database: Database, function: PrimFunc, target: Target) -> PrimFunc | None:
    """A function scheduled by its fastest trace in the database; None where there is none."""
    from ..schedule.schedule import Schedule

    task = TaskKey.of(function, target)
    best = database.top_k(task, 1)
    if not best:
        return None
    sch = Schedule(database.program(task.workload), seed=0)  # block names are those of the stored program
    best[0].schedule_trace().apply_to(sch)
    return sch.mod[MAIN]


def _existing(path: str | os.PathLike[str]) -> Database:
    if not path or not Path(path).is_file():
        raise UserError(f"there is no tuning database {str(path)!r}; tune(..., database=...) makes one")
    return Database(path)
