"""Logs that were once written replay for ever, into the same state."""

from pathlib import Path

import msgspec
import pytest

from hq.log.documents import decision_to_document, document_to_decision
from schemas.events import AnyEvent
from tests import golden
from tests.golden.folding import find_difference, fold, read_log, read_state
from tests.golden.record import play

FOLDERS = sorted(folder for folder in Path(golden.__path__[0]).iterdir() if folder.name.isdigit())


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_log_that_was_once_written_folds_to_the_same_state(folder: Path) -> None:
    decisions = read_log(folder)

    differs = find_difference(read_state(folder), msgspec.to_builtins(fold(decisions)))
    assert not differs


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_a_log_that_was_once_written_is_stored_without_loss(folder: Path) -> None:
    for decision in read_log(folder):
        assert document_to_decision(decision_to_document(decision)) == decision


def test_the_golden_logs_hold_every_type_of_event() -> None:
    happened = {type(event) for folder in FOLDERS for d in read_log(folder) for event in d.events}

    assert happened == set(AnyEvent.__args__)


def test_the_same_house_is_played_alike_twice() -> None:
    assert msgspec.json.encode(play()) == msgspec.json.encode(play())
