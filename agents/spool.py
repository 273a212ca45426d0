"""Results that HQ has not acknowledged: on disk before they are first sent, in SQLite.

`synchronous=FULL` in WAL mode: `put` returns when the results survive a power
cut. Many results share one commit. Deleting promises less, so it costs less.
"""

import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path

import msgspec

from schemas.facts import AttemptResult

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(AttemptResult).decode


class SpoolUnusable(Exception):
    """The spool cannot be opened or written; the message says why and what to do."""


class Spool:
    """One SQLite file. Use it from one thread."""

    def __init__(self, path: Path) -> None:
        self._path = path
        try:
            self._database = sqlite3.connect(path, isolation_level=None, timeout=5)
            self._database.execute("PRAGMA journal_mode=WAL")
            self._database.execute(
                "CREATE TABLE IF NOT EXISTS results "
                "(job TEXT, token INTEGER, body BLOB NOT NULL, PRIMARY KEY (job, token)) WITHOUT ROWID"
            )
        except sqlite3.Error as error:
            raise SpoolUnusable(_explain(path, error)) from error

    def put(self, results: Iterable[AttemptResult]) -> None:
        """Store results durably. Safe to repeat.

        Raises:
            SpoolUnusable: If they are not on disk, for instance because it is full.
        """
        rows = [(result.job, result.token, _encode(result)) for result in results]
        self._change("INSERT OR REPLACE INTO results VALUES (?, ?, ?)", rows, synchronous="FULL")

    def delete(self, keys: Iterable[tuple[str, int]]) -> None:
        """Delete results that HQ has, without waiting for the disk. Safe to repeat.

        What a power cut brings back is sent again and acknowledged again.

        Raises:
            SpoolUnusable: If the disk refuses; they are sent again after a restart, which does no harm.
        """
        self._change("DELETE FROM results WHERE job = ? AND token = ?", list(keys), synchronous="NORMAL")

    def load(self) -> list[AttemptResult]:
        """Return all results.

        Raises:
            SpoolUnusable: If the file cannot be read.
        """
        try:
            rows = self._database.execute("SELECT body FROM results ORDER BY token").fetchall()
            return [_decode(body) for (body,) in rows]
        except (sqlite3.Error, msgspec.DecodeError) as error:
            raise SpoolUnusable(_explain(self._path, error)) from error

    def close(self) -> None:
        """Close the file. Safe to repeat."""
        self._database.close()

    def _change(self, statement: str, rows: Sequence[tuple[object, ...]], *, synchronous: str) -> None:
        try:
            self._database.execute(f"PRAGMA synchronous={synchronous}")
            self._database.execute("BEGIN IMMEDIATE")
            self._database.executemany(statement, rows)
            self._database.execute("COMMIT")
        except sqlite3.Error as error:
            if self._database.in_transaction:
                self._database.execute("ROLLBACK")
            raise SpoolUnusable(_explain(self._path, error)) from error


def _explain(path: Path, error: Exception) -> str:
    return f"the spool {path} cannot be used ({error}): free some disk space or check its permissions"
