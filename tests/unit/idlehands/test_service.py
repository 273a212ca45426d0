"""The agent as a service: what is written for each system, and that systemd has nothing to complain about."""

import os
import plistlib
import shutil
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from idlehands.service import build_service, write_service

ODD = {"IDLEHANDS_HOME": '/home/o\'neill/100% "mine"/$x'}


def test_the_service_is_written_where_the_system_looks_for_it(tmp_path: Path) -> None:
    for system, place in {
        "linux": ".config/systemd/user/idlehands-agent.service",
        "darwin": "Library/LaunchAgents/net.idlehands.agent.plist",
        "win32": "AppData/Local/idlehands/idlehands-agent.xml",
    }.items():
        service = build_service(system=system, user_home=tmp_path, environment={})
        write_service(service)
        write_service(service)
        assert service.file == tmp_path / place
        assert service.file.read_bytes() == service.content


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd is not installed here")
@pytest.mark.parametrize("environment", [{}, ODD])
def test_systemd_finds_nothing_to_complain_about(tmp_path: Path, environment: dict[str, str]) -> None:
    service = build_service(system="linux", user_home=tmp_path, environment=environment)
    write_service(service)

    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(service.file)],
        env=os.environ | {"XDG_RUNTIME_DIR": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )

    # What it says of the machine's other units is not about ours.
    assert "idlehands" not in done.stderr, done.stderr


def test_systemd_puts_variables_into_commands_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/opt/$x/100%/python")
    lines = build_service(system="linux", user_home=tmp_path, environment=ODD).content.decode().splitlines()

    assert any(line.startswith('ExecStart="/opt/$$x/100%%/python" ') for line in lines)
    assert 'Environment="IDLEHANDS_HOME=/home/o\'neill/100%% \\"mine\\"/$x"' in lines


def test_launchd_reads_what_was_meant(tmp_path: Path) -> None:
    read = plistlib.loads(build_service(system="darwin", user_home=tmp_path, environment=ODD).content)

    assert read["ProgramArguments"] == [sys.executable, "-P", "-m", "idlehands", "agent"]
    assert read["EnvironmentVariables"] == ODD
    assert read["ProcessType"] == "Background"


def test_windows_reads_what_was_meant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("USERDOMAIN", "ATTIC")
    monkeypatch.setenv("USERNAME", "anna & co")
    name = "{http://schemas.microsoft.com/windows/2004/02/mit/task}"
    service = build_service(system="win32", user_home=tmp_path, environment={"IDLEHANDS_HOME": "C:\\A & B"})

    root = ElementTree.fromstring(service.content)  # noqa: S314 - our own

    assert root.findtext(f".//{name}Command") == "cmd.exe"
    arguments = root.findtext(f".//{name}Arguments")
    assert arguments is not None
    assert 'set "IDLEHANDS_HOME=C:\\A & B"' in arguments
    assert arguments.endswith('"-m" "idlehands" "agent""')
    # Of anybody's log-in only administrators may make a task.
    assert root.findtext(f".//{name}LogonTrigger/{name}UserId") == "ATTIC\\anna & co"
    assert root.findtext(f".//{name}Principal/{name}UserId") == "ATTIC\\anna & co"
