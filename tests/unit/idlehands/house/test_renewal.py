"""The house's own certificates while the house runs: renewed before they run out, by nobody's hand."""

import ssl
from pathlib import Path

import msgspec
import pytest
from cryptography import x509

from idlehands.house import broker, certificates, pki, probe
from idlehands.house.furnish import furnish
from idlehands.house.home import Home, open_home
from idlehands.house.registry import Role, read_issued
from idlehands.house.renewal import Renewal, renew_all
from tests.fixtures.broker import BrokerServer, eventually


def serial(folder: Path) -> int:
    return x509.load_pem_x509_certificate((folder / "cert.pem").read_bytes()).serial_number


@pytest.fixture
def home(tmp_path: Path) -> Home:
    opened = open_home(tmp_path / "house")
    furnish(opened, agents=1)
    pki.ensure(opened, "broker", Role.BROKER, opened.broker)
    return opened


def test_nothing_is_renewed_as_long_as_there_is_time(home: Home) -> None:
    assert renew_all(home, [home.settings.machine]) == []


def test_all_of_the_houses_own_are_renewed_once_less_than_a_third_remains(
    home: Home, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pki, "_RENEW_DAYS", certificates.LEAF_DAYS + 1)

    renewed = renew_all(home, [home.settings.machine])

    assert set(renewed) == {"broker", "hq", "web", "search", "cli", home.settings.machine}


def test_an_agent_that_was_revoked_is_not_let_in_again_by_the_way(home: Home) -> None:
    pki.revoke(home, home.settings.machine)

    assert renew_all(home, [home.settings.machine]) == []
    assert home.settings.machine not in read_issued(home.pki)


@pytest.mark.process
def test_a_running_broker_shows_its_new_certificate_and_lets_in_new_ones_without_a_restart(
    private_broker: BrokerServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    home = private_broker.home
    furnish(home, agents=0)
    broker.admit(home)
    pid = broker.running_broker(home)
    shown = serial_shown(home)
    monkeypatch.setattr(pki, "_RENEW_DAYS", certificates.LEAF_DAYS + 1)
    said: list[str] = []

    with Renewal(home, [], said.append, pause_seconds=0.01):
        eventually(lambda: bool(said))

    assert said[0].startswith("Renewed the certificates of broker, hq")
    eventually(lambda: serial_shown(home) not in (shown, 0))
    assert probe.accepts(home, home.service("hq"))
    assert broker.running_broker(home) == pid


def serial_shown(home: Home) -> int:
    """Return the serial number of the certificate that the broker shows, 0 when it shows none just now."""
    try:
        pem = ssl.get_server_certificate((home.reachable_at, home.settings.ports.broker))
    except OSError:
        return 0
    return x509.load_pem_x509_certificate(pem.encode()).serial_number


def test_the_pages_certificate_is_renewed_where_others_reach_the_house(tmp_path: Path) -> None:
    opened = open_home(tmp_path / "house")
    home = Home(opened.path, msgspec.structs.replace(opened.settings, address="0.0.0.0"))
    furnish(home, agents=0)
    pki.ensure(home, "broker", Role.BROKER, home.broker)
    assert renew_all(home, []) == []
    home.web_certificate.unlink()

    assert renew_all(home, []) == ["the page"]
