"""What is said when there is no broker and none can be had."""

from pathlib import Path

import pytest

from idlehands.house import broker
from idlehands.house.install import BrokerMissing, find_or_install_mosquitto


def test_a_missing_broker_is_one_error_that_names_the_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # A machine without mosquitto and without a package manager.
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(broker, "_ELSEWHERE", ())

    with pytest.raises(BrokerMissing, match=r"apt install mosquitto.*brew install mosquitto.*on PATH"):
        find_or_install_mosquitto()


def test_what_the_package_manager_said_is_in_the_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    manager = tmp_path / "brew"
    manager.write_text("#!/bin/sh\necho no network\nexit 1\n")
    manager.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(broker, "_ELSEWHERE", ())

    with pytest.raises(BrokerMissing, match=r"`brew install -q mosquitto` failed: no network"):
        find_or_install_mosquitto()


def test_a_broker_outside_of_path_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tmp_path / "sbin" / "mosquitto"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(broker, "_ELSEWHERE", (str(program.parent),))

    assert find_or_install_mosquitto() == program
