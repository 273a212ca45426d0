"""Which addresses a machine can be woken by, from a copy of what Linux says of its cards."""

import uuid
from pathlib import Path

import pytest

from agents.network_cards import find_wake_addresses


def card(cards: Path, name: str, address: str, *, is_real: bool = True, wireless: bool = False) -> None:
    (cards / name).mkdir()
    (cards / name / "address").write_text(address + "\n")
    if is_real:
        (cards / name / "device").mkdir()
    if wireless:
        (cards / name / "wireless").mkdir()


def test_real_cards_count_those_with_a_cable_first(tmp_path: Path) -> None:
    card(tmp_path, "docker0", "02:42:AC:00:00:01", is_real=False)
    card(tmp_path, "enp3s0", "3C:52:82:00:00:01")
    card(tmp_path, "empty", "00:00:00:00:00:00")
    card(tmp_path, "a-wlan", "3c:52:82:00:00:02", wireless=True)
    (tmp_path / "broken" / "device").mkdir(parents=True)

    assert find_wake_addresses(tmp_path) == ("3c:52:82:00:00:01", "3c:52:82:00:00:02")


@pytest.mark.parametrize(("node", "found"), [(0x3C5282000F01, ("3c:52:82:00:0f:01",)), (1 << 40, ())])
def test_elsewhere_python_tells_it_unless_it_made_it_up(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, node: int, found: tuple[str, ...]
) -> None:
    monkeypatch.setattr(uuid, "getnode", lambda: node)

    assert find_wake_addresses(tmp_path / "no such folder") == found
