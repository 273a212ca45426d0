"""Where a house keeps its state."""

import socket
from pathlib import Path

import pytest

from idlehands.house.home import (
    Home,
    HouseError,
    Ports,
    Settings,
    choose_ports,
    default_home_path,
    machine_name,
    open_home,
    read_home,
    set_address,
)


def test_ports_once_chosen_stay(tmp_path: Path) -> None:
    first = open_home(tmp_path / "house")

    assert open_home(tmp_path / "house").settings == first.settings


def test_two_houses_have_different_ports(tmp_path: Path) -> None:
    one, other = open_home(tmp_path / "one"), open_home(tmp_path / "other")

    assert one.settings.ports != other.settings.ports


def test_chosen_ports_are_free_and_different() -> None:
    ports = choose_ports()

    assert len({ports.broker, ports.mongodb, ports.web}) == 3
    for port in (ports.broker, ports.mongodb, ports.web):
        with socket.socket() as attempt:
            attempt.bind(("127.0.0.1", port))


def test_a_house_is_private(tmp_path: Path) -> None:
    home = open_home(tmp_path / "house")

    assert all(folder.stat().st_mode & 0o077 == 0 for folder in (home.pki, home.logs, home.run))
    assert (home.path / "house.json").stat().st_mode & 0o077 == 0


def test_the_environment_names_the_house(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("IDLEHANDS_HOME", str(tmp_path / "mine"))

    assert default_home_path() == tmp_path / "mine"


def test_reading_does_not_found_a_house(tmp_path: Path) -> None:
    with pytest.raises(HouseError, match="idlehands up"):
        read_home(tmp_path / "house")

    assert not (tmp_path / "house").exists()


@pytest.mark.parametrize("content", ["", "{}", '{"ports": {"broker": "x"}}', '{"prots": {}}'])
def test_settings_that_make_no_sense_are_refused_with_the_way_out(tmp_path: Path, content: str) -> None:
    open_home(tmp_path)
    (tmp_path / "house.json").write_text(content)

    with pytest.raises(HouseError, match=r"house\.json cannot be understood.*remove it"):
        open_home(tmp_path)


def test_a_folder_that_cannot_be_made_is_refused_with_the_way_out(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")

    with pytest.raises(HouseError, match="IDLEHANDS_HOME"):
        open_home(tmp_path / "file" / "house")


@pytest.mark.parametrize(
    ("host", "name"),
    [
        ("Attic-PC", "attic-pc"),
        ("attic.local", "attic"),
        ("Mum's MacBook (2)", "mum-s-macbook-2"),
        ("-_-", "agent"),
        ("", "agent"),
        ("客厅", "agent"),
        ("a" * 64, "a" * 28),
    ],
)
def test_any_host_name_becomes_a_name(host: str, name: str) -> None:
    assert machine_name(host) == name


@pytest.mark.parametrize(
    ("address", "scheme", "host"),
    [
        ("127.0.0.1", "http", "127.0.0.1"),
        ("::1", "http", "[::1]"),
        ("localhost", "http", "localhost"),
        ("0.0.0.0", "https", "127.0.0.1"),
        ("10.0.0.2", "https", "10.0.0.2"),
        ("hq.example", "https", "hq.example"),
    ],
)
def test_urls_name_an_address_that_can_be_reached_and_are_https_where_others_can_listen(
    address: str, scheme: str, host: str
) -> None:
    home = Home(Path("/house"), Settings(Ports(1, 2, 3), "attic", address))

    assert home.broker_url == f"mqtts://{host}:1"
    assert home.page_url == f"{scheme}://{host}:3/"
    assert home.rest_url == f"{scheme}://{host}:3/api/v1"


@pytest.mark.parametrize("address", ["192.168.1.10", "fd00::10", "127.0.0.1"])
def test_a_house_keeps_the_address_that_it_is_given(tmp_path: Path, address: str) -> None:
    home = open_home(tmp_path)

    moved = set_address(home, address)

    assert moved.settings.address == address
    assert moved == open_home(tmp_path)
    assert moved.settings.ports == home.settings.ports


@pytest.mark.parametrize("address", ["0.0.0.0", "::", "hq.example", "", "224.0.0.1", "192.168.1.10:8080"])
def test_an_address_that_others_could_not_come_to_is_refused(tmp_path: Path, address: str) -> None:
    home = open_home(tmp_path)

    with pytest.raises(HouseError, match="is no address"):
        set_address(home, address)

    assert open_home(tmp_path) == home


def test_a_house_may_be_told_not_to_serve_https_itself() -> None:
    settings = Settings(Ports(1, 2, 3), "attic", "10.0.0.2", https=False)

    assert Home(Path("/house"), settings).page_url == "http://10.0.0.2:3/"
