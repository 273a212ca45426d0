"""The page about the architecture says what the code allows."""

import re
from pathlib import Path

from schemas.states import JobStatus
from tests.unit.docs.transitions import find_steps

ROOT = Path(__file__).resolve().parents[3]
PAGE = (ROOT / "docs" / "architecture.md").read_text()
STATUSES = {"-", *JobStatus}


def test_the_table_of_a_jobs_steps_is_what_the_fold_allows() -> None:
    allowed = {
        (str(before or "-"), event, str(after)) for before, event, after in find_steps() if before != after
    }
    rows = [
        [cell.strip() for cell in line.strip("|").split("|")] for line in PAGE.splitlines() if line[:1] == "|"
    ]
    steps = [row for row in rows if len(row) == 4 and row[0] in STATUSES and row[2] in STATUSES]

    assert {tuple(row[:3]) for row in steps} == allowed
    assert all(row[3] for row in steps)


def test_only_a_superseded_result_follows_a_final_status() -> None:
    after_the_end = {event for before, event, _ in find_steps() if before is not None and before.is_final}

    assert after_the_end == {"ResultSuperseded"}


def test_every_test_file_that_a_page_names_is_there() -> None:
    tests = {path.name for path in (ROOT / "tests").rglob("test_*.py")}

    for page in (ROOT / "docs").rglob("*.md"):
        named = set(re.findall(r"test_\w+\.py", page.read_text()))
        assert named <= tests, f"{page.name} names {sorted(named - tests)}"
