"""The units: read by systemd itself where it is installed, and hardened."""

import configparser
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.unit.deploy.composition import ROOT

UNITS = ROOT / "deploy" / "systemd"
PROGRAM = "/opt/idlehands/bin/idlehands"


def read_unit(name: str) -> configparser.SectionProxy:
    parser = configparser.ConfigParser(interpolation=None, strict=False)
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(UNITS / name)
    return parser["Service"]


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
@pytest.mark.parametrize(
    ("name", "scope"), [("idlehands-hq.service", "--system"), ("idlehands-agent.service", "--user")]
)
def test_systemd_finds_nothing_to_complain_about(name: str, scope: str, tmp_path: Path) -> None:
    # As installed: the program is there.
    program = Path(sys.executable).with_name("idlehands")
    assert program.exists()
    unit = tmp_path / name
    unit.write_text((UNITS / name).read_text().replace(PROGRAM, str(program)))

    checked = subprocess.run(
        ["systemd-analyze", "verify", scope, "--man=no", str(unit)],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert [line for line in checked.stderr.splitlines() if name in line] == []
    assert checked.returncode == 0, checked.stderr


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
def test_systemd_rates_the_house_as_hardened() -> None:
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", "--threshold=20", "idlehands-hq.service"],
        env=os.environ | {"SYSTEMD_UNIT_PATH": str(UNITS)},
        capture_output=True,
        text=True,
        check=False,
    )

    # Exposure 0 to 10, here times ten; without any setting it is 96.
    assert rated.returncode == 0, rated.stdout[-500:]


@pytest.mark.parametrize("name", ["idlehands-hq.service", "idlehands-agent.service"])
def test_a_unit_never_gives_up_and_never_runs_as_root(name: str) -> None:
    text = (UNITS / name).read_text()
    service = read_unit(name)

    assert service["Restart"] == "always"
    assert "StartLimitIntervalSec=0" in text
    assert service["NoNewPrivileges"] == "yes"
    # Each process of the house is told to stop by its supervisor, the scripts by their agent.
    assert service["KillMode"] == "mixed"
    if name == "idlehands-hq.service":
        assert service["User"] == "idlehands"


@pytest.mark.parametrize(
    ("name", "word"), [("idlehands-hq.service", "up"), ("idlehands-agent.service", "agent")]
)
def test_the_command_of_a_unit_is_one_of_ours_with_options_that_it_has(name: str, word: str) -> None:
    words = read_unit(name)["ExecStart"].split()
    assert words[:2] == [PROGRAM, word]

    told = subprocess.run(
        [sys.executable, "-P", "-m", "idlehands", word, "--help"], capture_output=True, text=True, check=True
    )

    assert all(option in told.stdout for option in words if option.startswith("--"))
