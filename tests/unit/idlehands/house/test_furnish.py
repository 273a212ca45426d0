"""What a house needs before its processes start."""

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from idlehands.house import pki
from idlehands.house.components import AgentOptions, agent_command, hq_command, web_command
from idlehands.house.furnish import database_uri_file, furnish
from idlehands.house.home import Home, HouseError, open_home
from idlehands.house.registry import Role, read_issued
from idlehands.house.status import describe, read_status
from idlehands.house.tokens import read_tokens
from schemas.isolation import Isolation


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return open_home(tmp_path / "house")


def test_everybody_gets_certificate_and_token(home: Home) -> None:
    first, second = furnish(home, agents=2)

    assert second == f"{first}-2"
    assert {name: entry.role for name, entry in read_issued(home.pki).items()} == {
        "hq": Role.SERVICE,
        "web": Role.SERVICE,
        "search": Role.SERVICE,
        "cli": Role.OPERATOR,
        first: Role.AGENT,
        second: Role.AGENT,
    }
    for folder in (home.client("cli"), home.agent(first), home.agent(second)):
        assert {"ca.pem", "cert.pem", "key.pem", "sign.key", "seal.key", "token"} <= {
            file.name for file in folder.iterdir()
        }
    assert {(entry.name, entry.role.value) for entry in read_tokens(home.tokens_file)} == {
        ("cli", "operator"),
        (first, "agent"),
        (second, "agent"),
    }


def test_furnishing_again_changes_nothing(home: Home) -> None:
    furnish(home, agents=1)
    before = read_issued(home.pki), read_tokens(home.tokens_file)

    furnish(home, agents=1)

    assert (read_issued(home.pki), read_tokens(home.tokens_file)) == before


def test_a_machine_that_is_called_like_somebody_else_gets_another_name(home: Home, tmp_path: Path) -> None:
    pki.ensure_authority(home)
    pki.issue(home, home.settings.machine, Role.OPERATOR, tmp_path / "operator")

    (name,) = furnish(home, agents=1)

    assert name == f"{home.settings.machine[:22]}-agent"


def test_an_external_database_gets_a_name_and_spares_the_houses_own(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = database_uri_file(home)
    monkeypatch.setenv("IDLEHANDS_MONGODB", "mongodb://u:p@db:27017/?replicaSet=rs0")

    file = database_uri_file(home)

    assert file != own
    assert file.read_text() == "mongodb://u:p@db:27017/idlehands?replicaSet=rs0"
    assert file.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("uri", ["db:27017", "http://db/", "mongodb:///idlehands"])
def test_what_is_no_mongodb_uri_is_refused(home: Home, monkeypatch: pytest.MonkeyPatch, uri: str) -> None:
    monkeypatch.setenv("IDLEHANDS_MONGODB", uri)

    with pytest.raises(HouseError, match="is not a MongoDB URI"):
        database_uri_file(home)


def test_no_secret_is_on_a_command_line(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDLEHANDS_MONGODB", "mongodb://u:hunter2@db/")
    (name,) = furnish(home, agents=1)
    token = (home.client("cli") / "token").read_text().strip()

    options = AgentOptions(slots=2, runner="noop")
    words = [*hq_command(home), *web_command(home), *agent_command(home, name, options)]

    assert not any("hunter2" in word or token in word for word in words)
    assert " --slots 2 --runner noop" in " ".join(words)


@pytest.mark.parametrize(
    ("settings", "option", "told"),
    [
        ("none", None, "none"),
        ("strict", None, "strict"),
        ("strict", "basic", "basic"),
        ("none", "strict", "strict"),
    ],
)
def test_an_agent_is_told_the_isolation_that_its_owner_demands(
    home: Home, settings: Isolation, option: Isolation | None, told: str
) -> None:
    demanding = replace(home, settings=msgspec.structs.replace(home.settings, isolation=settings))

    words = agent_command(demanding, "attic", AgentOptions(isolation=option))

    assert words[words.index("--isolation") + 1] == told


def test_the_status_of_a_house_that_is_down_says_how_to_start_it(home: Home) -> None:
    status = read_status(home)

    assert not status.up
    assert status.page == home.page_url
    assert "idlehands up" in describe(status)
