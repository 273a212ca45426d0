"""How long things are kept: read, changed, and refused where it makes no sense."""

from pathlib import Path

import msgspec
import pytest

from hq.housekeeping.__main__ import main
from hq.housekeeping.settings import Keeping, SettingsUnusable, change_settings, read_settings


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "retention.json"


def test_what_is_changed_is_read_and_the_rest_stays(file: Path) -> None:
    file.write_text('{"logs_per_job": 50, "logs_days": 3}')

    changed = change_settings(file, {"finished_jobs_days": 180, "logs_days": None})

    assert changed == read_settings(file) == Keeping(finished_jobs_days=180, logs_per_job=50)
    assert msgspec.json.decode(file.read_bytes()) == {"finished_jobs_days": 180, "logs_per_job": 50}
    assert file.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize(
    "changes",
    [
        {"finished_jobs_days": 0},
        {"logs_days": -1},
        {"blobs_grace_hours": 0.5},
        {"compact_above_mb": 1.5},
        {"a": 1},
    ],
)
def test_what_cannot_be_is_refused_and_changes_nothing(file: Path, changes: dict[str, object]) -> None:
    file.write_text('{"logs_days": 3}')

    with pytest.raises(SettingsUnusable, match="cannot be kept"):
        change_settings(file, changes)

    assert read_settings(file) == Keeping(logs_days=3)


def test_a_file_that_nobody_can_read_is_not_written_over(file: Path) -> None:
    file.write_text("{")

    with pytest.raises(SettingsUnusable, match="cannot be understood"):
        change_settings(file, {"logs_days": 3})

    assert file.read_text() == "{"


def test_a_terminal_says_and_changes_it(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert (
        main(["keep", "--retention", str(file), "finished_jobs_days=180", "logs_days=never", "--json"]) == 0
    )
    assert read_settings(file) == Keeping(finished_jobs_days=180)
    assert msgspec.json.decode(capsys.readouterr().out)["finished_jobs_days"] == 180

    assert main(["keep", "--retention", str(file)]) == 0
    assert "finished_jobs_days = 180\nlogs_days = never" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("word", "why"),
    [
        ("days=3", "There is no setting"),
        ("logs_days=soon", "is no number"),
        ("logs_days=inf", "is no number"),
    ],
)
def test_a_terminal_refuses_what_is_no_setting(
    file: Path, capsys: pytest.CaptureFixture[str], word: str, why: str
) -> None:
    assert main(["keep", "--retention", str(file), word]) == 1
    assert why in capsys.readouterr().err
    assert not file.exists()
