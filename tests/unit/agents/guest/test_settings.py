"""The owner's rules: what is read, what is refused and how, and that presets fill in the rest."""

from pathlib import Path

import pytest

from agents.guest.settings import (
    Settings,
    SettingsBroken,
    change_settings,
    parse_settings,
    read_settings,
)


def test_without_a_file_the_rules_are_polite(tmp_path: Path) -> None:
    settings = read_settings(tmp_path / "guest.json")

    assert settings == Settings(preset="polite")
    assert (settings.chosen("on_mains"), settings.chosen("battery_over")) == (True, 80)


def test_a_dedicated_machine_has_the_limits_that_were_written_only() -> None:
    settings = parse_settings(b'{"preset": "dedicated", "free_disk_gb": 5}')

    assert settings.chosen("on_mains") is None
    assert settings.chosen("free_disk_gb") == 5


@pytest.mark.parametrize(
    ("content", "key"),
    [
        (b'{"preset": "greedy"}', "preset"),
        (b'{"on_mains": "yes"}', "on_mains"),
        (b'{"cpu_celsius": 900}', "cpu_celsius"),
        (b'{"foreign_cpu": 101}', "foreign_cpu"),
        (b'{"grace_seconds": -1}', "grace_seconds"),
        (b'{"only_while": ["home/a"]}', "only_while"),
        (b'{"nights": ["at night"]}', "nights"),
        (b'{"nights": []}', "nights"),
        (b'{"nihgts": []}', "nihgts"),
        (b"[]", "array"),
        (b"{", "JSON"),
        (b"\xff\xfe", "JSON"),
    ],
)
def test_bad_rules_are_refused_with_the_key_that_is_wrong(content: bytes, key: str) -> None:
    with pytest.raises(SettingsBroken, match=key):
        parse_settings(content)


def test_a_file_that_cannot_be_understood_is_named(tmp_path: Path) -> None:
    (tmp_path / "guest.json").write_text('{"cpu_celsius": "hot"}')

    with pytest.raises(SettingsBroken, match=r"guest\.json: cpu_celsius"):
        read_settings(tmp_path / "guest.json")


def test_rules_are_set_one_by_one_and_taken_back() -> None:
    settings = change_settings(
        Settings(),
        ["preset=when-idle", "cpu-celsius=80", "on_mains=no", "only_while=home/a == on, home/b > 1"],
    )

    assert settings == Settings(
        preset="when-idle", cpu_celsius=80, on_mains=False, only_while=("home/a == on", "home/b > 1")
    )
    assert change_settings(settings, ["cpu_celsius=off", "on_mains=usual", "only_while="]) == Settings(
        preset="when-idle"
    )


@pytest.mark.parametrize("pair", ["", "cpu_celsius", "nothing=1", "cpu_celsius=hot", "preset=greedy"])
def test_a_rule_that_is_none_is_refused(pair: str) -> None:
    with pytest.raises(SettingsBroken):
        change_settings(Settings(), [pair])
