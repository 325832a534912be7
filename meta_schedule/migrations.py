"""The layout of the tuning database, as the steps that lead to it: each brings a file from one version to the next."""

from __future__ import annotations

APPLICATION = 0x74697262
"""SQLite's application id, which marks a file as ours."""

MIGRATIONS: tuple[str, ...] = (
    """
    CREATE TABLE workload (
        hash TEXT PRIMARY KEY,
        name TEXT NOT NULL,
        program TEXT NOT NULL
    );
    CREATE TABLE candidate (
        id INTEGER PRIMARY KEY,
        workload TEXT NOT NULL REFERENCES workload (hash),
        target TEXT NOT NULL,
        version TEXT NOT NULL,
        key TEXT NOT NULL,
        trace TEXT NOT NULL,
        status TEXT NOT NULL,
        samples TEXT NOT NULL,
        ms REAL,
        detail TEXT NOT NULL,
        build_ms REAL NOT NULL,
        total_ms REAL NOT NULL,
        UNIQUE (workload, target, version, key)
    );
    CREATE INDEX best ON candidate (workload, target, version, status, ms);
    """,
    """
    ALTER TABLE candidate ADD COLUMN predicted REAL;
    ALTER TABLE candidate ADD COLUMN measured_at REAL;
    ALTER TABLE candidate ADD COLUMN feature_set TEXT;
    ALTER TABLE candidate ADD COLUMN features BLOB;
    CREATE TABLE claim (
        workload TEXT NOT NULL,
        target TEXT NOT NULL,
        version TEXT NOT NULL,
        key TEXT NOT NULL,
        host TEXT NOT NULL,
        process INTEGER NOT NULL,
        since REAL NOT NULL,
        PRIMARY KEY (workload, target, version, key)
    );
    """,
)

CURRENT = len(MIGRATIONS)
"""The version this package writes, SQLite's `user_version`."""
