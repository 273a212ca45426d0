"""Files that are whole or absent, and the lock."""

import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from idlehands.house.files import LockTaken, locked, write_private
from idlehands.house.logs import bound_log, last_lines, open_log


def test_a_file_is_private_and_replaced_whole(tmp_path: Path) -> None:
    file = tmp_path / "secret"
    file.write_text("old")
    file.chmod(0o644)

    write_private(file, "new")

    assert file.read_text() == "new"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [file]


def test_a_write_that_fails_leaves_nothing_behind(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()

    with pytest.raises(OSError):
        write_private(tmp_path / "folder", "new")

    assert list(tmp_path.iterdir()) == [tmp_path / "folder"]


def test_a_lock_keeps_others_out_until_it_is_let_go(tmp_path: Path) -> None:
    with (
        locked(tmp_path / "lock", wait=False),
        pytest.raises(LockTaken),
        locked(tmp_path / "lock", wait=False),
    ):
        pass

    with locked(tmp_path / "lock", wait=False):
        pass


def test_a_lock_lives_as_long_as_the_last_process_that_holds_it(tmp_path: Path) -> None:
    with locked(tmp_path / "lock", wait=False) as descriptor:
        heir = subprocess.Popen(
            [sys.executable, "-c", "input()"], stdin=subprocess.PIPE, pass_fds=(descriptor,)
        )
    with pytest.raises(LockTaken), locked(tmp_path / "lock", wait=False):
        pass
    heir.communicate(b"\n")

    with locked(tmp_path / "lock", wait=False):
        pass


def test_a_log_that_has_grown_starts_anew_and_keeps_the_last_part(tmp_path: Path) -> None:
    log = tmp_path / "hq.log"
    descriptor = open_log(log)
    os.write(descriptor, b"x" * 101)

    bound_log(log, limit_bytes=100)
    os.write(descriptor, b"after\n")
    os.close(descriptor)

    assert log.read_bytes() == b"after\n"
    assert (tmp_path / "hq.log.1").stat().st_size == 101


def test_a_log_at_its_limit_stays(tmp_path: Path) -> None:
    log = tmp_path / "hq.log"
    log.write_bytes(b"x" * 100)

    bound_log(log, limit_bytes=100)

    assert list(tmp_path.iterdir()) == [log]


def test_a_missing_log_has_no_last_lines(tmp_path: Path) -> None:
    assert last_lines(tmp_path / "none.log") == ""


def test_the_last_lines_are_read_from_the_end(tmp_path: Path) -> None:
    (tmp_path / "hq.log").write_bytes(b"\xff" * 50_000 + b"\none\ntwo\n")

    assert last_lines(tmp_path / "hq.log", 2) == "one\ntwo"
