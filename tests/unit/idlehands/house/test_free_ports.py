"""A house on another machine keeps its addresses where they are free."""

import socket
from pathlib import Path

from idlehands.house.free_ports import with_free_ports
from idlehands.house.home import Home, Ports, Settings, choose_ports


def test_free_ports_stay_and_nothing_is_remarked(tmp_path: Path) -> None:
    home = Home(tmp_path, Settings(choose_ports(), "attic"))

    assert with_free_ports(home) == (home, [])


def test_a_port_in_use_is_replaced_and_told_with_both_numbers(tmp_path: Path) -> None:
    ports = choose_ports()
    home = Home(tmp_path, Settings(ports, "attic"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports.broker))
        other.listen()

        moved, remarks = with_free_ports(home)

    assert moved.settings.ports.broker != ports.broker
    assert moved.settings.ports.web == ports.web
    assert len(remarks) == 1
    assert str(ports.broker) in remarks[0]
    assert str(moved.settings.ports.broker) in remarks[0]


def test_an_address_of_another_machine_becomes_loopback(tmp_path: Path) -> None:
    # TEST-NET-1 (RFC 5737): nobody's address.
    home = Home(tmp_path, Settings(choose_ports(), "attic", address="192.0.2.7"))

    moved, remarks = with_free_ports(home)

    assert moved.settings == Settings(home.settings.ports, "attic", address="127.0.0.1")
    assert "192.0.2.7" in remarks[0]


def test_an_external_database_keeps_no_port_busy(tmp_path: Path) -> None:
    ports = Ports(*(getattr(choose_ports(), name) for name in ("broker", "mongodb", "web")))
    home = Home(tmp_path, Settings(ports, "attic"))
    with socket.socket() as other:
        other.bind(("127.0.0.1", ports.mongodb))
        other.listen()

        assert with_free_ports(home, own_database=False) == (home, [])
        assert with_free_ports(home)[0].settings.ports.mongodb != ports.mongodb
