"""Renewed certificates over REST: everybody gets their own, and nobody another's."""

import time
from pathlib import Path

import pytest

from agents.renewal import Renewal, renew
from bus.certificate_files import RENEW_SECONDS, remember_rest, seconds_left
from idlehands.cli.exits import Stop
from idlehands.cli.opening import renew_expired
from idlehands.house import pki
from idlehands.house.home import Home, open_home
from idlehands.house.remote_certificates import renew_due
from idlehands.pairing.joined import joined_folder
from tests.fixtures.remote_machine import join_by_hand
from tests.unit.dash_app.conftest import ROLES, LittleHouse
from tests.unit.dash_app.little_house import eventually

PATH = "/api/v1/certificate"


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = open_home(tmp_path / "hq")
    pki.ensure_authority(home)
    return home


@pytest.mark.parametrize("role", ROLES)
def test_everybody_gets_the_certificate_of_their_own_name(house: LittleHouse, role: str) -> None:
    with house.client(role) as somebody:
        (house.renewals / f"some-{role}.pem").unlink(missing_ok=True)
        missing = somebody.get(PATH)
        house.renewals.mkdir(exist_ok=True)
        (house.renewals / f"some-{role}.pem").write_text(f"the PEM of {role}")
        found = somebody.get(PATH, params={"name": "some-admin"})

    assert (missing.status_code, missing.json()["code"]) == (404, "not_found")
    assert found.json() == {"certificate": f"the PEM of {role}"}


def test_a_stranger_gets_none(house: LittleHouse) -> None:
    with house.client(None) as stranger:
        assert stranger.get(PATH).status_code == 401


def test_an_agent_fetches_its_next_certificate_when_it_is_time(
    house: LittleHouse, home: Home, tmp_path: Path
) -> None:
    folder, url = tmp_path / "attic", f"http://127.0.0.1:{house.server.port}"
    join_by_hand(home, "some-agent", folder, days=40)
    (folder / "token").write_text(house.tokens["agent"])
    expires = seconds_left(folder, 0.0)
    house.renewals.mkdir(exist_ok=True)

    # Too early, then nothing there yet, then the same as it has.
    assert not renew(folder, url, now=expires - RENEW_SECONDS - 60)
    (house.renewals / "some-agent.pem").unlink(missing_ok=True)
    assert not renew(folder, url, now=expires - RENEW_SECONDS + 60)
    (house.renewals / "some-agent.pem").write_bytes((folder / "cert.pem").read_bytes())
    assert not renew(folder, url, now=expires - RENEW_SECONDS + 60)

    assert renew_due(home, before_days=41) == ["some-agent"]
    (house.renewals / "some-agent.pem").write_bytes((home.renewals / "some-agent.pem").read_bytes())
    assert renew(folder, url, now=expires - RENEW_SECONDS + 60)

    assert seconds_left(folder, 0.0) > expires
    assert not renew(folder, url, now=expires - RENEW_SECONDS + 60)


# The command line of an earlier version noted the URL with its API's path.
@pytest.mark.parametrize("path", ["", "/api/v1"])
def test_an_agent_that_was_away_until_its_certificate_had_expired_fetches_the_next(
    house: LittleHouse, home: Home, tmp_path: Path, path: str
) -> None:
    folder = tmp_path / "attic"
    join_by_hand(home, "some-agent", folder, days=-0.5)
    (folder / "token").write_text(house.tokens["agent"])
    remember_rest(folder, f"http://127.0.0.1:{house.server.port}{path}")
    renew_due(home)
    house.renewals.mkdir(exist_ok=True)
    (house.renewals / "some-agent.pem").write_bytes((home.renewals / "some-agent.pem").read_bytes())
    assert seconds_left(folder, time.time()) < 0

    # The broker lets nobody in any more who could say where REST is.
    with Renewal(folder, lambda: ""):
        eventually(lambda: seconds_left(folder, time.time()) > 0, 60)


def test_one_that_was_revoked_meanwhile_is_told_what_to_do(
    house: LittleHouse, home: Home, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = tmp_path / "attic"
    join_by_hand(home, "some-agent", folder, days=-0.5)
    (folder / "token").write_text("t" * 43)
    remember_rest(folder, f"http://127.0.0.1:{house.server.port}")

    with Renewal(folder, lambda: ""):
        eventually(lambda: "pair this machine anew" in caplog.text, 60)

    assert "401" in caplog.text


def test_a_command_line_that_was_away_fetches_it_before_it_connects(
    house: LittleHouse, home: Home, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDLEHANDS_HOME", str(tmp_path / "far"))
    folder = joined_folder()
    folder.parent.mkdir()
    join_by_hand(home, "some-agent", folder, days=-0.5)
    (folder / "joined.json").write_text('{"name": "some-agent", "role": "agent", "broker": "127.0.0.1:1"}')
    (folder / "token").write_text(house.tokens["agent"])
    (house.renewals / "some-agent.pem").unlink(missing_ok=True)
    remember_rest(folder, f"http://127.0.0.1:{house.server.port}")

    with pytest.raises(Stop, match="pair --name some-agent --replace"):
        renew_expired(folder)

    renew_due(home)
    house.renewals.mkdir(exist_ok=True)
    (house.renewals / "some-agent.pem").write_bytes((home.renewals / "some-agent.pem").read_bytes())
    renew_expired(folder)
    assert seconds_left(folder, time.time()) > 0
