"""The spool: what it holds survives, and a disk that refuses is said in words."""

import sqlite3
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from agents.spool import Spool, SpoolUnusable
from schemas.facts import AttemptResult, Failure, MetricPoint
from schemas.states import Outcome

JOB = "jaaaaaaaaaaaa"


def result(token: int, **fields: object) -> AttemptResult:
    return AttemptResult(JOB, token, Outcome.SUCCEEDED, 0, {"n": token}, **fields)  # type: ignore[arg-type]


def test_results_are_there_after_a_restart_in_order(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    everything = AttemptResult(
        JOB, 1, Outcome.FAILED, 3, {"$a.b": [1, None]}, "ab" * 32, "said\n", "cd" * 32, 7,
        Failure("exit", "x", "y"), (MetricPoint(0, 1.5, {"loss": None}),), 1.0, 2.0, 1.0, 0.5, 10.0, 99,
        ("note",),
    )  # fmt: skip
    spool.put([result(3), everything])
    spool.put([result(2)])
    spool.close()
    spool.close()

    assert Spool(tmp_path / "spool.db").load() == [everything, result(2), result(3)]


def test_putting_a_result_again_changes_nothing(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")

    spool.put([result(1)])
    spool.put([result(1), result(1)])

    assert spool.load() == [result(1)]


def test_what_was_deleted_is_gone_and_may_be_deleted_again(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    spool.put([result(1), result(2)])

    spool.delete([(JOB, 1), (JOB, 7)])
    spool.delete([(JOB, 1)])
    spool.put([])
    spool.delete([])

    assert spool.load() == [result(2)]


def test_a_result_survives_a_process_that_dies_right_after_put(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    code = (
        "import os, sys; from pathlib import Path; from agents.spool import Spool; "
        "from schemas.facts import AttemptResult; from schemas.states import Outcome; "
        f"s = Spool(Path({str(path)!r})); "
        f"s.put([AttemptResult({JOB!r}, t, Outcome.SUCCEEDED) for t in (1, 2)]); os._exit(9)"
    )

    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 9

    assert [one.token for one in Spool(path).load()] == [1, 2]


def test_a_full_disk_is_said_and_takes_nothing_by_halves(tmp_path: Path) -> None:
    """A limit on the size of files stands for the disk: the process dies of neither."""
    code = f"""
import resource, signal, sys
from pathlib import Path
from agents.spool import Spool, SpoolUnusable
from schemas.facts import AttemptResult
from schemas.states import Outcome
def result(token):
    return AttemptResult({JOB!r}, token, Outcome.SUCCEEDED, 0, {{"text": "a" * 50_000}})
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
spool = Spool(Path({str(tmp_path / "spool.db")!r}))
spool.put([result(1)])
soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (120_000, hard))
try:
    spool.put([result(2), result(3), result(4)])
    sys.exit("it was taken")
except SpoolUnusable as error:
    print(error)
resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
spool.put([result(5)])
print(sorted(r.token for r in spool.load()))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    said, held = done.stdout.splitlines()
    assert "spool.db cannot be used" in said
    assert "free some disk space or check its permissions" in said
    assert held == "[1, 5]"


def test_a_folder_that_is_not_there_is_said(tmp_path: Path) -> None:
    with pytest.raises(SpoolUnusable, match=r"nowhere/spool\.db cannot be used"):
        Spool(tmp_path / "nowhere" / "spool.db")


def test_a_file_that_is_no_database_is_said(tmp_path: Path) -> None:
    path = tmp_path / "spool.db"
    path.write_bytes(b"this is not SQLite" * 100)

    with pytest.raises(SpoolUnusable, match="cannot be used"):
        Spool(path)


def test_a_damaged_row_is_said(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    spool.put([result(1)])
    with sqlite3.connect(tmp_path / "spool.db") as other:
        other.execute("UPDATE results SET body = '{'")
    other.close()

    with pytest.raises(SpoolUnusable, match="cannot be used"):
        spool.load()


def test_a_spool_that_somebody_else_locks_for_a_moment_waits(tmp_path: Path) -> None:
    spool = Spool(tmp_path / "spool.db")
    other = sqlite3.connect(tmp_path / "spool.db", isolation_level=None, check_same_thread=False)
    other.execute("BEGIN IMMEDIATE")
    release = threading.Timer(0.3, lambda: other.execute("ROLLBACK"))
    release.start()

    spool.put([result(1)])

    release.join()
    other.close()
    assert spool.load() == [result(1)]
