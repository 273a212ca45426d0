"""Addresses and identities."""

from pathlib import Path

import pytest

from bus.settings import BusSettings, BusSettingsError
from idlehands.house import pki
from idlehands.house.home import open_home
from idlehands.house.registry import Role


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [("127.0.0.1:8883", "127.0.0.1", 8883), ("hq.local:1", "hq.local", 1), ("[::1]:65535", "::1", 65535)],
)
def test_an_address_is_read_and_written(text: str, host: str, port: int) -> None:
    settings = BusSettings.parse(text, "somewhere")

    assert (settings.host, settings.port, settings.address) == (host, port, text)


@pytest.mark.parametrize(
    "text", ["", "host", "host:", ":1883", "host:0", "host:65536", "host:x", "host:-1", "h:1²"]
)
def test_what_is_not_an_address_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(BusSettingsError, match=r"HOST:PORT, such as 127.0.0.1:8883"):
        BusSettings.parse(text, "somewhere")


def test_the_name_is_the_common_name_of_the_certificate(tmp_path: Path) -> None:
    home = open_home(tmp_path / "house")
    pki.ensure_authority(home)
    pki.issue(home, "attic-pc", Role.AGENT, tmp_path / "attic")

    assert BusSettings.parse("127.0.0.1:1", tmp_path / "attic").name == "attic-pc"


def test_a_broken_certificate_is_told_with_the_way_out(tmp_path: Path) -> None:
    for file in ("ca.pem", "cert.pem", "key.pem"):
        (tmp_path / file).write_text("no certificate")
    settings = BusSettings.parse("127.0.0.1:1", tmp_path)

    with pytest.raises(BusSettingsError, match="idlehands cert issue"):
        _ = settings.name
    with pytest.raises(BusSettingsError, match="idlehands cert issue"):
        settings.read_context()
