"""A MongoDB server of the house's own: one node, a replica set, authentication from the start.

Knows how to find `mongod` and which command line runs it. It does not keep
it running: the supervisor starts `MongodCommand.argv` and, after every start,
calls `ensure_ready` of `replica_set`.

The order is safe to interrupt anywhere: a key file is there before the first
start, so nobody but localhost can ever come in without a password; replica
set, then user, are made over MongoDB's localhost exception, which ends with
the first user.
"""

import importlib.util
import os
import secrets
import shutil
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote, urlsplit

from idlehands.house.files import write_private
from idlehands.house.replica_set import REPLICA_SET, MongodNotReady, ensure_ready

__all__ = [
    "MongodCommand",
    "MongodMissing",
    "MongodNotReady",
    "ensure_ready",
    "find_mongod",
    "prepare",
    "stop",
]

USER = "idlehands"
DATABASE = "idlehands"


class MongodMissing(RuntimeError):
    """No mongod was found; the message names the ways out."""


@dataclass(frozen=True)
class MongodCommand:
    """How to run one mongod, and how to reach it.

    Attributes:
        argv: The command line. It stays in the foreground.
        uri: With user and password, for clients and for `ensure_ready`.
        uri_file: Holds `uri`, readable by its owner only.
        log_file: Where mongod writes its own log.
    """

    argv: tuple[str, ...]
    uri: str
    uri_file: Path
    log_file: Path


def find_mongod() -> Path:
    """Return the mongod to run: the one on PATH, else the one of the `mongod` extra.

    Raises:
        MongodMissing: If there is none.
    """
    on_path = shutil.which("mongod")
    if on_path:
        return Path(on_path)
    # Only the top-level package is looked up: finding it imports nothing of it.
    package = importlib.util.find_spec("fiftyone")
    for folder in (package.submodule_search_locations or []) if package else []:
        for name in ("mongod", "mongod.exe"):
            found = Path(folder, "db", "bin", name)
            if found.is_file() and os.access(found, os.X_OK):
                return found
    raise MongodMissing(
        "No MongoDB server was found: there is no mongod on PATH. Do one of these: "
        "`pip install 'idlehands[mongod]'` (Linux x86-64, for trying out); "
        "install MongoDB (https://www.mongodb.com/docs/manual/installation/); "
        "or set IDLEHANDS_MONGODB to the URI of a MongoDB replica set."
    )


def prepare(
    data_dir: Path, port: int, *, cache_gb: float = 0.5, oplog_mb: int = 1024, mongod: Path | None = None
) -> MongodCommand:
    """Make folders, key file and password where missing, and return the command line.

    Safe to repeat: an existing password is kept. A changed port is written to the URI file.

    Args:
        data_dir: A folder of its own; made with mode 0700.
        port: TCP port on 127.0.0.1.
        cache_gb: WiredTiger's cache; MongoDB takes no less than 0.25.
        oplog_mb: Size of the replica set's oplog.
        mongod: The program; found by `find_mongod` when left out.

    Raises:
        MongodMissing: If there is no mongod.
    """
    program = mongod or find_mongod()
    database_dir = data_dir / "db"
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    database_dir.mkdir(mode=0o700, exist_ok=True)
    key_file, uri_file, log_file = data_dir / "keyfile", data_dir / "uri", data_dir / "mongod.log"
    if not key_file.exists():
        write_private(key_file, secrets.token_hex(256))
    uri = _uri(_password_in(uri_file) or secrets.token_urlsafe(24), port)
    write_private(uri_file, uri)
    argv = (
        str(program),
        *("--dbpath", str(database_dir), "--logpath", str(log_file), "--logappend"),
        *("--bind_ip", "127.0.0.1", "--port", str(port), "--nounixsocket"),
        *("--replSet", REPLICA_SET, "--oplogSize", str(oplog_mb)),
        *("--auth", "--keyFile", str(key_file)),
        # zlib on the wire leaked memory without authentication (CVE-2025-14847); on loopback none is best.
        *("--networkMessageCompressors", "disabled"),
        *("--wiredTigerCacheSizeGB", str(cache_gb)),
        *("--setParameter", "diagnosticDataCollectionEnabled=false"),
    )
    return MongodCommand(argv, uri, uri_file, log_file)


def stop(pid: int, *, timeout_seconds: float = 20) -> None:
    """End the mongod `pid`, which must be a child of this process: TERM, then KILL. Safe to repeat."""
    for number, patience in ((signal.SIGTERM, timeout_seconds), (signal.SIGKILL, 10.0)):
        try:
            os.kill(pid, number)
        except ProcessLookupError:
            return
        deadline = time.monotonic() + patience
        while time.monotonic() < deadline:
            try:
                if os.waitpid(pid, os.WNOHANG)[0]:
                    return
            except ChildProcessError:
                return
            time.sleep(0.02)


def _uri(password: str, port: int) -> str:
    credentials = f"{USER}:{quote(password, safe='')}"
    return f"mongodb://{credentials}@127.0.0.1:{port}/{DATABASE}?authSource=admin&replicaSet={REPLICA_SET}"


def _password_in(uri_file: Path) -> str | None:
    try:
        return unquote(urlsplit(uri_file.read_text().strip()).password or "") or None
    except FileNotFoundError:
        return None
