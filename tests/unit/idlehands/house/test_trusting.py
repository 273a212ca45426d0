"""What a house writes into its agents' trust lists, and what it leaves alone there."""

from pathlib import Path

import pytest
from msgspec.structs import replace

from idlehands.house import pki
from idlehands.house.expulsion import rotate
from idlehands.house.furnish import furnish
from idlehands.house.home import Home, HouseError, open_home
from idlehands.house.registry import Role, read_issued
from idlehands.house.trusting import (
    author_key_file,
    ensure_author,
    first_trust_list,
    grant_key,
    read_trust_list,
    write_trust_list,
)
from schemas.trust import TrustedAuthor, TrustList
from trust.keys import load_signing_key, public_hex

OLGA = TrustedAuthor("olga", "b" * 64)


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return open_home(tmp_path / "house")


def test_a_new_agent_trusts_its_own_hq_and_the_house(home: Home) -> None:
    (name,) = furnish(home, agents=1)

    rules = read_trust_list(home.agent(name))

    hq = public_hex(load_signing_key(home.service("hq") / "sign.key"))
    house = public_hex(load_signing_key(author_key_file(home)))
    assert rules == TrustList((hq,), (TrustedAuthor("house", house),))
    assert read_issued(home.pki)["hq"].signing_key == hq
    assert author_key_file(home).stat().st_mode & 0o777 == 0o600


def test_the_keys_are_the_same_when_agents_come_first(home: Home, tmp_path: Path) -> None:
    pki.ensure_authority(home)
    pki.issue(home, "attic", Role.AGENT, tmp_path / "attic")

    furnish(home, agents=0)

    assert read_trust_list(tmp_path / "attic") == first_trust_list(home)


def test_what_the_owner_changed_stays_over_starts_and_renewals(home: Home) -> None:
    (name,) = furnish(home, agents=1)
    own = replace(
        read_trust_list(home.agent(name)),
        authors=(OLGA,),
        denied=("c" * 64,),
        scripts="listed",
        allowed=("d" * 64,),
    )
    write_trust_list(home.agent(name), own)

    furnish(home, agents=1)
    pki.issue(home, name, Role.AGENT, home.agent(name), renew=True)

    assert read_trust_list(home.agent(name)) == own


def test_after_a_rotation_the_old_keys_are_trusted_no_more(home: Home) -> None:
    (name,) = furnish(home, agents=1)
    before = read_trust_list(home.agent(name))
    write_trust_list(home.agent(name), replace(before, authors=(*before.authors, OLGA)))

    rotate(home)

    after = read_trust_list(home.agent(name))
    assert after.hq == (grant_key(home),) != before.hq
    assert after.authors == (TrustedAuthor("house", ensure_author(home)), OLGA)
    assert after.authors[0] != before.authors[0]


@pytest.mark.parametrize("content", ['{"denyed": []}', '{"hq": ["a"]}', "{", "[]", '{"scripts": "all"}'])
def test_a_list_with_a_mistake_is_refused_and_left_as_it_is(home: Home, content: str) -> None:
    (name,) = furnish(home, agents=1)
    file = home.agent(name) / "trust.json"
    file.write_text(content)

    with pytest.raises(HouseError, match=r"trust\.json"):
        furnish(home, agents=1)

    assert file.read_text() == content


def test_rules_that_cannot_be_understood_stop_that_agent_and_nobody_else(home: Home) -> None:
    first, second = furnish(home, agents=2)
    (home.agent(first) / "trust.json").write_text('{"hq": [], "authorz": []}')
    said: list[str] = []

    assert furnish(home, agents=2, say=said.append) == [second]

    (line,) = said
    assert f"The agent {first} does not run" in line
    assert str(home.agent(first) / "trust.json") in line
    (home.agent(first) / "trust.json").unlink()
    assert furnish(home, agents=2, say=said.append) == [first, second]
    assert read_trust_list(home.agent(first)) == first_trust_list(home)
