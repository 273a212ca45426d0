"""The broker's configuration and access rules, made anew at every start.

Knows mosquitto's settings and who may use which topics. It does not start the
broker: the supervisor runs `Mosquitto.argv`. Every principal has its own
section in the ACL, bound to the common name of its certificate; who has none,
can do nothing.
"""

import contextlib
import os
import pwd
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from bus.topics import DEFAULT_ROOT
from idlehands.house import pki
from idlehands.house.files import locked, make_private_folder, write_private
from idlehands.house.home import Home, HouseError
from idlehands.house.registry import SELF_CHECK, Issued, Role, read_issued

#: Where mosquitto sits when it is not on PATH.
_ELSEWHERE = (
    "/usr/sbin",
    "/usr/local/sbin",
    "/opt/homebrew/sbin",
    "/opt/homebrew/opt/mosquitto/sbin",
    "/usr/local/opt/mosquitto/sbin",
)
#: What the household's devices say: agents' owners may make conditions of it.
_HOME_TOPICS = "home/#"
#: Of a broker whose log is elsewhere nobody knows when it reads: then all of them are sent.
_SIGNALS_AT_MOST, _SIGNAL_SECONDS = 10, 0.2
#: Where HQ announces the machines to Home Assistant, and where that says that it is there: as its last
#: will, without which the broker would not let it in.
_DISCOVERY, _BIRTH = "homeassistant/#", "homeassistant/status"
#: A broker that is flooded with what it must keep gives up itself, not the machine.
_MEMORY_LIMIT = 1 << 30


@dataclass(frozen=True)
class Mosquitto:
    """How to run the broker of a house in the foreground."""

    argv: tuple[str, ...]


def find_mosquitto() -> Path | None:
    """Return the mosquitto of this machine, or None."""
    folders = os.pathsep.join((os.environ.get("PATH", os.defpath), *_ELSEWHERE))
    found = shutil.which("mosquitto", path=folders)
    return Path(found) if found else None


def prepare(home: Home, mosquitto: Path) -> Mosquitto:
    """Write certificate, ACL and configuration of the broker and return its command line. Safe to repeat.

    Raises:
        HouseError: If the registry of certificates cannot be understood.
    """
    make_private_folder(home.broker)
    pki.ensure(home, "broker", Role.BROKER, home.broker)
    account = _account(home)
    write_private(home.broker / "mosquitto.conf", build_configuration(home, account))
    _write_rules(home)
    return Mosquitto((str(mosquitto), "-c", str(home.broker / "mosquitto.conf")))


def admit(home: Home) -> None:
    """Write the ACL anew and let a running broker read it: who was just issued gets in. Safe to repeat.

    It reads its own certificate and the revocation list again too, for new connections.
    """
    if not (home.broker / "mosquitto.conf").exists():
        return
    _write_rules(home)
    pid = running_broker(home)
    if pid is not None:
        with contextlib.suppress(ProcessLookupError):
            _let_read_again(home, pid)


def _let_read_again(home: Home, pid: int) -> None:
    """Return when the broker has begun to read its files after this was called, as far as its log tells.

    mosquitto forgets a signal that reaches it while it reads: whoever was issued in that moment would
    stay outside.
    """
    log = home.logs / "broker.log"
    end = log.stat().st_size if log.exists() else 0
    for _ in range(_SIGNALS_AT_MOST):
        os.kill(pid, signal.SIGHUP)
        deadline = time.monotonic() + _SIGNAL_SECONDS
        while time.monotonic() < deadline:
            time.sleep(0.005)
            if _says_since(log, end, b"Reloading config"):
                return


def _says_since(log: Path, end: int, words: bytes) -> bool:
    try:
        with log.open("rb") as file:
            file.seek(end)
            return words in file.read()
    except OSError:
        return False


def shut_out(home: Home, timeout_seconds: float = 10) -> bool:
    """End all connections, so that only those come back whom the rules let in; tell whether there were any.

    mosquitto leaves a connection up whose certificate is on the revocation list, and its ACL
    looks at names only. So the broker ends, and whoever watches over it starts it again; all
    others are back within about a second. Returns once the old broker is gone. Safe to repeat.

    Raises:
        HouseError: If the broker does not end.
    """
    if not (home.broker / "mosquitto.conf").exists():
        return False
    _write_rules(home)
    pid = running_broker(home)
    if pid is None:
        return False
    for number in (signal.SIGTERM, signal.SIGKILL):
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, number)
        deadline = time.monotonic() + timeout_seconds / 2
        while time.monotonic() < deadline:
            if str(home.broker / "mosquitto.conf") not in _command_of(pid):
                return True
            time.sleep(0.01)
    raise HouseError(f"The broker (process {pid}) does not end, so old connections stay. Stop the house.")


def _write_rules(home: Home) -> None:
    # Together: who reads the registry before another and writes after him would shut out his newcomer.
    with locked(home.broker / "rules.lock", wait=True):
        write_private(home.broker / "crl.pem", (home.pki / "crl.pem").read_bytes())
        write_private(home.broker / "acl", build_acl(read_issued(home.pki)))
    _hand_over(home, _account(home))


def running_broker(home: Home) -> int | None:
    """Return the process id of this house's broker, or None when it is not running."""
    try:
        pid = int((home.broker / "pid").read_text())
    except (OSError, ValueError):
        return None
    # The file of a killed broker stays, and its number may be somebody else's by now.
    return pid if str(home.broker / "mosquitto.conf") in _command_of(pid) else None


def _command_of(pid: int) -> str:
    """Return the command line of a process, empty when there is none."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
    if Path("/proc/self").exists():
        return ""
    # macOS has no /proc, and a small Debian no ps.
    command = ["ps", "-ww", "-o", "command=", "-p", str(pid)]
    return subprocess.run(command, capture_output=True, text=True, check=False).stdout


def build_configuration(home: Home, account: str | None = None) -> str:
    """Return mosquitto.conf: one listener, mutual TLS 1.3, nothing anonymous, nothing kept."""
    folder = home.broker
    lines = [
        "# Made by `idlehands up` at every start; changes are lost.",
        f"listener {home.settings.ports.broker} {home.settings.address}",
        f"cafile {folder / 'ca.pem'}",
        f"certfile {folder / 'cert.pem'}",
        f"keyfile {folder / 'key.pem'}",
        f"crlfile {folder / 'crl.pem'}",
        "tls_version tlsv1.3",
        "require_certificate true",
        "use_identity_as_username true",
        "allow_anonymous false",
        f"acl_file {folder / 'acl'}",
        # What a broker keeps proves nothing: what matters is in MongoDB.
        "persistence false",
        "max_packet_size 300000",
        "max_keepalive 60",
        f"memory_limit {_MEMORY_LIMIT}",
        "set_tcp_nodelay true",
        # A burst of notices to one reader; the default of 1,000 drops in bulk submits.
        "max_queued_messages 100000",
        "sys_interval 0",
        f"pid_file {folder / 'pid'}",
        "log_dest stderr",
        "log_type error",
        "log_type warning",
        "log_type notice",
        # Says when it has read its rules anew; connections are not logged.
        "log_type information",
        "connection_messages false",
    ]
    if account is not None:
        lines.append(f"user {account}")
    return "\n".join(lines) + "\n"


def build_acl(issued: dict[str, Issued]) -> str:
    """Return the ACL file: a section for each certificate that can connect, deny by default.

    There is never a rule outside a section: it would hold for everybody.
    """
    everybody = {SELF_CHECK: Issued(SELF_CHECK, Role.AGENT, "", 0), **issued}
    sections = [
        "\n".join([f"user {entry.name}", *(f"topic {rule}" for rule in _rules(entry))])
        for entry in sorted(everybody.values(), key=lambda entry: entry.name)
        if entry.role is not Role.BROKER
    ]
    # Somebody who cannot be: an ACL without any section once allowed all (CVE-2018-12550).
    return "\n\n".join(["# Made from pki/issued.json.", "user -nobody", *sections]) + "\n"


def _rules(entry: Issued) -> list[str]:
    root, name = DEFAULT_ROOT, entry.name
    notices = [f"read {root}/hq/state", f"read {root}/job/#", f"read {root}/sweep/#"]
    own = [f"write {root}/client/{name}/up/#", f"read {root}/client/{name}/down/#"]
    match entry.role:
        case Role.SERVICE if name == "hq":
            return [f"readwrite {root}/#", "write homeassistant/#"]
        case Role.OPERATOR:
            home = [f"readwrite {_HOME_TOPICS}", f"read {_DISCOVERY}", f"write {_BIRTH}"]
            return [*own, *notices, f"read {root}/agent/#", *home]
        case Role.SERVICE if name == "web":
            # What it tells people, it may tell their home automation; what HQ announces, it retells there.
            told = [f"write {_HOME_TOPICS}", "read homeassistant/device/#"]
            return [*own, *notices, f"read {root}/agent/#", *told]
        case Role.SERVICE:
            return [*own, *notices, f"read {root}/agent/#"]
        case Role.VIEWER:
            said = [f"read {root}/agent/+/presence", f"read {root}/agent/+/up/heartbeat"]
            return [*notices, *said, f"read {_DISCOVERY}"]
        case Role.AGENT:
            return [
                f"write {root}/agent/{name}/presence",
                f"write {root}/agent/{name}/up/#",
                f"read {root}/agent/{name}/down/#",
                f"read {root}/hq/state",
                f"read {_HOME_TOPICS}",
            ]
        case Role.BROKER:
            return []


def _account(home: Home) -> str | None:
    """Return the account that mosquitto shall become, None to stay who we are.

    Started as root it becomes `mosquitto`, which must be able to reach its files;
    below root's own home directory it cannot, and then it stays root.
    """
    if os.geteuid() != 0:
        return None
    try:
        pwd.getpwnam("mosquitto")
    except KeyError:
        return "root"
    reachable = all(parent.stat().st_mode & 0o001 for parent in home.broker.resolve().parents)
    return "mosquitto" if reachable else "root"


def _hand_over(home: Home, account: str | None) -> None:
    """Give the broker's folder to `account`; needed only where root becomes somebody else."""
    if account in (None, "root"):
        return
    for path in (home.broker, *home.broker.iterdir()):
        shutil.chown(path, user=account)
