"""The conformance suite without an agent: what its checks are called, and how it tells how they went."""

import re
from pathlib import Path

import pytest
from msgspec.structs import replace

from idlehands.cli.conforming import conformance
from idlehands.cli.exits import USAGE, Stop
from idlehands.conformance import checks_afterwards
from idlehands.conformance.report import print_verdicts
from idlehands.conformance.subject import check_command
from idlehands.conformance.suite import PARTS
from idlehands.conformance.verdicts import Verdict, all_musts_pass
from idlehands.conformance.work import build_bundle
from idlehands.house.home import HouseError

ROOT = Path(__file__).resolve().parents[4]
PASSED = Verdict("orders", "runs-once", ("P44",), "must", "a grant runs once", "passed", "", 0.1)
FAILED = replace(PASSED, status="failed", seen="it ran\ntwice\x1b[2J")


def test_every_check_has_a_name_of_its_own_and_names_sentences_of_the_protocol() -> None:
    checks = [check for part in PARTS.values() for check in part] + list(checks_afterwards.CHECKS)
    numbered = set(re.findall(r"^\*\*(P\d+)\*\*", (ROOT / "docs" / "protocol.md").read_text(), re.MULTILINE))

    assert len({check.name for check in checks}) == len(checks)
    assert all(check.sentences and set(check.sentences) <= numbered for check in checks)


def test_a_must_that_failed_keeps_the_agent_out_and_a_should_does_not() -> None:
    assert all_musts_pass([PASSED, replace(FAILED, level="should")])
    assert not all_musts_pass([PASSED, FAILED])


def test_what_failed_is_told_with_what_was_asked_and_seen(capsys: pytest.CaptureFixture[str]) -> None:
    print_verdicts([PASSED, FAILED])

    said = capsys.readouterr().out
    assert "asked: a grant runs once (docs/protocol.md, P44)" in said
    assert "it ran\n         twice" in said
    assert "\x1b" not in said
    assert "1 passed, 1 failed, 0 not applicable. 1 of what it must do is not done." in said


def test_a_command_that_cannot_be_started_is_refused_before_anything_begins() -> None:
    for command, why in (
        ("", "empty"),
        ("no-such-program-anywhere x", "no such program"),
        ("a 'b", "understood"),
    ):
        with pytest.raises(HouseError, match=why):
            check_command(command)


def test_a_part_that_is_not_there_and_a_folder_that_is_are_refused(tmp_path: Path) -> None:
    with pytest.raises(Stop) as stopped:
        conformance("true", ["nonsense"])
    assert stopped.value.code == USAGE
    assert "working, orders" in stopped.value.message
    with pytest.raises(Stop, match="there already"):
        conformance("true", keep=tmp_path)


def test_the_bundle_that_agents_are_given_is_the_same_every_time() -> None:
    assert build_bundle()[10:] == build_bundle()[10:]
