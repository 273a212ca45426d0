"""The agent as a service of this user: a unit for systemd, a property list for launchd, a task for Windows.

Builds and writes the files. Whoever calls it starts what was written, or says how.
"""

import os
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

from idlehands.house.files import make_private_folder

NAME = "idlehands-agent"
_LABEL = "net.idlehands.agent"


@dataclass(frozen=True)
class Service:
    """A service of one system.

    Attributes:
        file: Where the system looks for it.
        content: What is in there.
        start: Commands that start it now and at every log-in.
        stop: Commands that stop it and keep it from starting.
    """

    file: Path
    content: bytes
    start: tuple[tuple[str, ...], ...]
    stop: tuple[tuple[str, ...], ...]


def build_service(
    *, system: str = sys.platform, user_home: Path | None = None, environment: dict[str, str] | None = None
) -> Service:
    """Return the service for this system.

    Args:
        system: As `sys.platform` says it.
        user_home: The user's home.
        environment: Variables that the agent needs; `IDLEHANDS_HOME` if it is set by default.
    """
    home = user_home or Path.home()
    if environment is None:
        environment = {name: os.environ[name] for name in ("IDLEHANDS_HOME",) if name in os.environ}
    argv = [sys.executable, "-P", "-m", "idlehands", "agent"]
    if system == "darwin":
        return _launchd(home, argv, environment)
    if system == "win32":
        return _task(home, argv, environment)
    return _systemd(home, argv, environment)


def write_service(service: Service) -> None:
    """Write the file. Safe to repeat.

    Raises:
        OSError: If it cannot be written.
    """
    make_private_folder(service.file.parent)
    service.file.write_bytes(service.content)


def _systemd(home: Path, argv: list[str], environment: dict[str, str]) -> Service:
    lines = [
        "# Written by `idlehands agent install`.",
        "[Unit]",
        "Description=Idlehands agent",
        "StartLimitIntervalSec=0",
        "",
        "[Service]",
        "Type=exec",
        # Only there are variables put in.
        f"ExecStart={' '.join(_quoted(word).replace('$', '$$') for word in argv)}",
        *(f"Environment={_quoted(f'{name}={value}')}" for name, value in sorted(environment.items())),
        # Its jobs end with it, in their own way: first the agent is asked alone.
        "KillMode=mixed",
        "TimeoutStopSec=20",
        "Restart=always",
        "RestartSec=5",
        "UMask=0077",
        # Never PrivateTmp: the displays' sockets lie in /tmp, and who does not see them sees nobody.
        "NoNewPrivileges=yes",
        "TasksMax=2000",
        "",
        "[Install]",
        "WantedBy=default.target",
    ]
    unit = f"{NAME}.service"
    return Service(
        home / ".config" / "systemd" / "user" / unit,
        ("\n".join(lines) + "\n").encode(),
        start=(("systemctl", "--user", "daemon-reload"), ("systemctl", "--user", "enable", "--now", unit)),
        stop=(("systemctl", "--user", "disable", "--now", unit),),
    )


def _quoted(word: str) -> str:
    """Return a word as systemd reads it back: in quotes, without specifiers."""
    plain = word.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{plain}"'


def _launchd(home: Path, argv: list[str], environment: dict[str, str]) -> Service:
    import plistlib

    logs = home / "Library" / "Logs" / "idlehands-agent.log"
    content = plistlib.dumps(
        {
            "Label": _LABEL,
            "ProgramArguments": argv,
            "EnvironmentVariables": environment,
            "RunAtLoad": True,
            "KeepAlive": True,
            "ProcessType": "Background",
            "Umask": 0o077,
            "ExitTimeOut": 20,
            "StandardOutPath": str(logs),
            "StandardErrorPath": str(logs),
        }
    )
    file = home / "Library" / "LaunchAgents" / f"{_LABEL}.plist"
    return Service(
        file,
        content,
        start=(("launchctl", "load", "-w", str(file)),),
        stop=(("launchctl", "unload", "-w", str(file)),),
    )


def _task(home: Path, argv: list[str], environment: dict[str, str]) -> Service:
    # A task has no environment of its own: the shell sets it, and is then the agent's parent.
    words = " ".join(f'"{word}"' for word in argv)
    settings = "".join(f'set "{name}={value}" && ' for name, value in sorted(environment.items()))
    # A log-in of anybody is for administrators to wait for; one's own is not.
    user = "\\".join(name for name in (os.environ.get("USERDOMAIN"), os.environ.get("USERNAME")) if name)
    whose = f"<UserId>{escape(user)}</UserId>" if user else ""
    command = "cmd.exe" if settings else argv[0]
    arguments = f'/d /c "{settings}{words}"' if settings else " ".join(f'"{word}"' for word in argv[1:])
    xml = f"""<?xml version="1.0" encoding="UTF-16"?>
<Task version="1.2" xmlns="http://schemas.microsoft.com/windows/2004/02/mit/task">
  <RegistrationInfo><Description>Idlehands agent</Description></RegistrationInfo>
  <Triggers><LogonTrigger><Enabled>true</Enabled>{whose}</LogonTrigger></Triggers>
  <Principals><Principal id="Author">
    {whose}<LogonType>InteractiveToken</LogonType><RunLevel>LeastPrivilege</RunLevel>
  </Principal></Principals>
  <Settings>
    <MultipleInstancesPolicy>IgnoreNew</MultipleInstancesPolicy>
    <DisallowStartIfOnBatteries>false</DisallowStartIfOnBatteries>
    <StopIfGoingOnBatteries>false</StopIfGoingOnBatteries>
    <ExecutionTimeLimit>PT0S</ExecutionTimeLimit>
    <Priority>7</Priority>
    <RestartOnFailure><Interval>PT1M</Interval><Count>999</Count></RestartOnFailure>
  </Settings>
  <Actions Context="Author"><Exec>
    <Command>{escape(command)}</Command><Arguments>{escape(arguments)}</Arguments>
  </Exec></Actions>
</Task>
"""
    file = home / "AppData" / "Local" / "idlehands" / f"{NAME}.xml"
    return Service(
        file,
        xml.encode("utf-16"),
        start=(
            ("schtasks", "/Create", "/TN", NAME, "/XML", str(file), "/F"),
            ("schtasks", "/Run", "/TN", NAME),
        ),
        stop=(("schtasks", "/Delete", "/TN", NAME, "/F"),),
    )
