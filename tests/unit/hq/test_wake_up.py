"""The packet that wakes a computer, on the wire."""

import socket

import pytest

from hq import wake_up
from hq.wake_up import build_packet, find_broadcasts, send_wake_up


def test_a_packet_is_six_times_ff_and_the_address_sixteen_times() -> None:
    packet = build_packet("3c:52:82:00:0f:01")

    assert packet[:6] == b"\xff" * 6
    assert packet[6:] == bytes.fromhex("3c5282000f01") * 16
    assert len(packet) == 102


def test_it_goes_to_each_network_for_each_card(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listener:
        listener.bind(("127.0.0.1", 0))
        listener.settimeout(60)
        monkeypatch.setattr(wake_up, "PORT", listener.getsockname()[1])
        monkeypatch.setattr(wake_up, "find_broadcasts", lambda: ["127.0.0.1", "no address", "127.0.0.1"])

        send_wake_up("desk", ["3c:52:82:00:00:01", "3c:52:82:00:00:02"])

        heard = [listener.recv(200) for _ in range(4)]
    assert sorted(set(heard)) == [build_packet("3c:52:82:00:00:01"), build_packet("3c:52:82:00:00:02")]


def test_all_networks_are_among_those_it_goes_to() -> None:
    assert find_broadcasts()[-1] == "255.255.255.255"
