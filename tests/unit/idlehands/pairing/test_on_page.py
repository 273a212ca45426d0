"""Pairing from the page: the page asks and answers by files, `up` starts a process that pairs."""

import shlex
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from idlehands.house.home import Home
from idlehands.house.page_pairings import PagePairings
from idlehands.house.registry import Role, read_issued
from idlehands.pairing.join_token import JoinToken
from idlehands.pairing.joined import Joined
from idlehands.pairing.joining import JoinRefused, join
from idlehands.pairing.on_page import FRESH_SECONDS, PageAnswer, PageRequest, PageStatus, PairingFiles
from tests.contract.bus_worlds import eventually
from tests.unit.idlehands.pairing.conftest import PATIENCE_SECONDS

pytestmark = pytest.mark.process


class OnPage:
    """What the page does."""

    def __init__(self, home: Home) -> None:
        self.files = PairingFiles(home.path)
        self.outcomes: list[Joined | JoinRefused] = []

    def begin(self, identity: str) -> PageStatus:
        self.files.ask_for(PageRequest(identity, "olga", time.time()))
        return self.wait(identity, "waiting", with_line=True)

    def wait(self, identity: str, state: str, *, with_line: bool = False) -> PageStatus:
        def look() -> PageStatus | None:
            found = self.files.read_status()
            fits = found is not None and (found.id, found.state) == (identity, state)
            return found if fits and found and (found.line or not with_line) else None

        found = eventually(look, PATIENCE_SECONDS)
        assert found is not None
        return found

    def join(self, status: PageStatus, folder: Path) -> threading.Thread:
        words = shlex.split(status.line)
        host, _, port = words[words.index("--hq") + 1].rpartition(":")
        token = JoinToken.parse(words[words.index("join") + 1])

        def ask() -> None:
            try:
                self.outcomes.append(join(token, host, int(port), "attic", folder, lambda _: None))
            except JoinRefused as refusal:
                self.outcomes.append(refusal)

        thread = threading.Thread(target=ask)
        thread.start()
        return thread


@pytest.fixture
def on_page(home: Home) -> Iterator[OnPage]:
    with PagePairings(home):
        yield OnPage(home)


def test_a_machine_joins_when_the_page_allows_it(home: Home, on_page: OnPage, tmp_path: Path) -> None:
    identity = "ab" * 16
    joining = on_page.join(on_page.begin(identity), tmp_path / "joined")
    asking = on_page.wait(identity, "asking")
    # An answer to another question is none.
    on_page.files.answer(PageAnswer(identity, asking.at - 1, allow=False))
    on_page.files.answer(PageAnswer(identity, asking.at, allow=True))
    joining.join(PATIENCE_SECONDS)

    assert on_page.wait(identity, "joined").line == ""
    assert [isinstance(one, Joined) for one in on_page.outcomes] == [True]
    assert "attic" in asking.question
    assert any("four words" in line for line in asking.said)
    assert read_issued(home.pki)["attic"].role is Role.AGENT


def test_a_machine_stays_out_when_the_page_refuses_it(home: Home, on_page: OnPage, tmp_path: Path) -> None:
    identity = "cd" * 16
    joining = on_page.join(on_page.begin(identity), tmp_path / "joined")
    asking = on_page.wait(identity, "asking")
    on_page.files.answer(PageAnswer(identity, asking.at, allow=False))
    joining.join(PATIENCE_SECONDS)

    on_page.wait(identity, "over")
    assert [str(getattr(one, "code", "")) for one in on_page.outcomes] == ["not_allowed"]
    assert "attic" not in read_issued(home.pki)


def test_asking_again_makes_the_token_before_void(on_page: OnPage) -> None:
    first = on_page.begin("12" * 16)
    second = on_page.begin("34" * 16)

    assert first.line != second.line


def test_an_old_request_and_noise_start_nothing(home: Home) -> None:
    files = PairingFiles(home.path)
    files.ask_for(PageRequest("ab" * 16, "olga", time.time() - FRESH_SECONDS - 1))
    assert files.take_request() is None
    (home.path / "pairing" / "request.json").write_text("{")
    assert files.take_request() is None
    assert not (home.path / "pairing" / "request.json").exists()


def test_the_house_that_stops_ends_the_pairing(home: Home) -> None:
    with PagePairings(home):
        page = OnPage(home)
        page.begin("ab" * 16)

    status = page.files.read_status()
    assert status is not None
    assert (status.state, status.line) == ("over", "")
