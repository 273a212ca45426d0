"""Where a house keeps its state, and which ports are its own.

One folder per house, `IDLEHANDS_HOME`, so that several fit on one machine:

    house.json            address and ports, chosen at the first start and then kept
    pki/                  CA, revocation list, registry of issued certificates
    broker/               mosquitto.conf, ACL, the broker's certificate
    mongodb/              database, key file, `uri`
    hq/ web/ search/      certificates of the services; web/server/ the one of REST and page
    clients/cli/          certificate and REST token of the command line
    agents/NAME/          certificate and REST token of the agents on this machine, and their `home`
    pairing/              what the page and a pairing tell each other
    pairing/              what the page and a pairing tell each other
    renewals/             the newest certificates of machines that joined
    hq/secrets/           secrets of jobs, encrypted, and their key
    tokens.json           REST tokens, hashed
    retention.json        how long things are kept, if somebody wrote it
    logs/ run/            output of the processes; who runs
"""

import ipaddress
import os
import random
import re
import socket
from dataclasses import dataclass
from pathlib import Path

import msgspec

from idlehands.house.files import make_private_folder, write_private
from schemas.isolation import Isolation

#: The principal of the command line on the HQ host.
COMMAND_LINE = "cli"
#: In the folder as long as a restore fills it, or when one was killed.
RESTORING = "restoring"
#: Below the range from which Linux takes ports for outgoing connections, so that a
#: connection of somebody else does not sit on a port of ours at the next start.
_PORTS = range(20_000, 32_000)


class HouseError(Exception):
    """Something about a house that a person can put right; the message says how."""


class Ports(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    broker: int
    mongodb: int
    web: int


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What `house.json` holds. Edit it while the house is down."""

    ports: Ports
    #: Name of the agent on this machine. Kept, because its spool belongs to that name.
    machine: str
    #: Where broker and web listen. The database always listens on 127.0.0.1.
    address: str = "127.0.0.1"
    #: The least isolation of jobs on the agents of this machine: none, basic or strict.
    isolation: Isolation = "none"
    #: Whether REST and page are https; by default they are where the address is not loopback.
    https: bool | None = None


@dataclass(frozen=True)
class Home:
    """The folders and addresses of one house. Makes nothing; see `open_home`."""

    path: Path
    settings: Settings

    @property
    def pki(self) -> Path:
        return self.path / "pki"

    @property
    def broker(self) -> Path:
        return self.path / "broker"

    @property
    def mongodb(self) -> Path:
        return self.path / "mongodb"

    @property
    def logs(self) -> Path:
        return self.path / "logs"

    @property
    def run(self) -> Path:
        return self.path / "run"

    @property
    def retention_file(self) -> Path:
        """How long things are kept; there may be none."""
        return self.path / "retention.json"

    @property
    def renewals(self) -> Path:
        """The newest certificates of machines that joined, one file each; there may be none."""
        return self.path / "renewals"

    @property
    def secrets(self) -> Path:
        """The secrets of jobs, encrypted, and their key: HQ reads them there. There may be none."""
        return self.service("hq") / "secrets"

    @property
    def tokens_file(self) -> Path:
        return self.path / "tokens.json"

    def service(self, name: str) -> Path:
        """Return the certificate folder of `hq`, `web` or `search`."""
        return self.path / name

    def client(self, name: str) -> Path:
        """Return the certificate folder of the client `name`, which must be a checked name."""
        return self.path / "clients" / name

    def agent(self, name: str) -> Path:
        """Return the certificate folder of the agent `name`, which must be a checked name."""
        return self.path / "agents" / name

    @property
    def web_certificate(self) -> Path:
        """With which REST and page serve https."""
        return self.service("web") / "server" / "cert.pem"

    @property
    def web_key(self) -> Path:
        return self.web_certificate.with_name("key.pem")

    @property
    def is_loopback(self) -> bool:
        """Whether nobody but this machine reaches the house."""
        try:
            return ipaddress.ip_address(self.settings.address).is_loopback
        except ValueError:
            return self.settings.address == "localhost"

    @property
    def is_https(self) -> bool:
        """Whether REST and page are served over TLS."""
        return not self.is_loopback if self.settings.https is None else self.settings.https

    @property
    def reachable_at(self) -> str:
        """The address under which this machine reaches broker and web."""
        return "127.0.0.1" if self.settings.address in ("0.0.0.0", "::") else self.settings.address  # noqa: S104 - compared, not listened on

    @property
    def broker_address(self) -> str:
        """`HOST:PORT`, as every process takes it after `--broker`."""
        return f"{_bracketed(self.reachable_at)}:{self.settings.ports.broker}"

    @property
    def web_address(self) -> str:
        """`HOST:PORT` as a browser on this machine reaches it."""
        return f"{_bracketed(self.reachable_at)}:{self.settings.ports.web}"

    @property
    def web_url(self) -> str:
        """What HQ tells agents and clients; they add `/api/v1/...`.

        On loopback it is plain HTTP: nobody can listen, and browsers need no certificate.
        """
        return f"{'https' if self.is_https else 'http'}://{self.web_address}"

    @property
    def page_url(self) -> str:
        return f"{self.web_url}/"

    @property
    def rest_url(self) -> str:
        return f"{self.web_url}/api/v1"

    @property
    def broker_url(self) -> str:
        return f"mqtts://{self.broker_address}"


def default_home_path() -> Path:
    """Return `IDLEHANDS_HOME`, or the platform's data directory for idlehands."""
    chosen = os.environ.get("IDLEHANDS_HOME")
    if chosen:
        return Path(chosen).expanduser().absolute()
    import platformdirs

    return Path(platformdirs.user_data_dir("idlehands", appauthor=False))


def open_home(path: Path | None = None) -> Home:
    """Return the house at `path` (default: `default_home_path`), founded where there is none.

    Safe to repeat; ports once chosen stay.

    Raises:
        HouseError: If the folder cannot be made, `house.json` cannot be understood, or a restore
            has filled the folder only in part.
    """
    path = path or default_home_path()
    if (path / RESTORING).exists():
        raise HouseError(
            f"A restore into {path} goes on, or was killed. Run `idlehands restore FILE` to the end first."
        )
    try:
        make_private_folder(path)
        if os.geteuid() == 0:
            # Started as root, the broker becomes an account of its own, which must get to its folder.
            path.chmod(0o711)
        file = path / "house.json"
        if not file.exists():
            settings = Settings(choose_ports(), machine_name())
            write_private(file, msgspec.json.format(msgspec.json.encode(settings)) + b"\n")
        home = Home(path, msgspec.json.decode(file.read_bytes(), type=Settings))
        for folder in (home.pki, home.broker, home.logs, home.run):
            make_private_folder(folder)
    except OSError as error:
        raise HouseError(
            f"The house's folder {path} cannot be used: {error.strerror or error}. "
            "Make it writable, or set IDLEHANDS_HOME to a folder that is."
        ) from error
    except msgspec.DecodeError as error:
        raise HouseError(
            f"{path / 'house.json'} cannot be understood: {error}. "
            "Correct it, or remove it to have free ports chosen anew."
        ) from error
    return home


def read_home(path: Path | None = None) -> Home:
    """Return the house at `path` (default: `default_home_path`) without founding one.

    Raises:
        HouseError: If there is none, or it cannot be read.
    """
    path = path or default_home_path()
    if not (path / "house.json").exists():
        raise HouseError(
            f"There is no house in {path}. Start one with `idlehands up`, "
            "or set IDLEHANDS_HOME to the folder of the one you mean."
        )
    return open_home(path)


def set_address(home: Home, address: str) -> Home:
    """Keep `address` as where broker and web listen, and return the house as it is then.

    Raises:
        HouseError: If others could not be told to come there.
    """
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        parsed = None
    if parsed is None or parsed.is_unspecified or parsed.is_multicast:
        raise HouseError(
            f"{address!r} is no address that this machine has in a network, such as 192.168.1.10: HQ tells "
            "it to all others."
        )
    settings = msgspec.structs.replace(home.settings, address=str(parsed))
    if settings != home.settings:
        content = msgspec.json.format(msgspec.json.encode(settings))
        write_private(home.path / "house.json", content + b"\n")
    return Home(home.path, settings)


def machine_name(host: str | None = None) -> str:
    """Return the host name (default: of this machine) as a name that a certificate may carry."""
    host = socket.gethostname() if host is None else host
    name = re.sub(r"[^a-z0-9]+", "-", host.split(".")[0].lower()).strip("-")
    # Room for the number of a second agent on the machine.
    return name[:28].rstrip("-") or "agent"


def choose_ports() -> Ports:
    """Return three different ports that are free on this machine now."""
    # Held open together, so that no two of them are the same.
    sockets: list[socket.socket] = []
    try:
        while len(sockets) < 3:
            candidate = socket.socket()
            try:
                candidate.bind(("127.0.0.1", random.choice(_PORTS)))
            except OSError:
                candidate.close()
                continue
            sockets.append(candidate)
        broker, mongodb, web = (found.getsockname()[1] for found in sockets)
        return Ports(broker=broker, mongodb=mongodb, web=web)
    finally:
        for opened in sockets:
            opened.close()


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address else address
