"""The web process: `python -m dash_app --broker ... --mongodb-file ... --listen ... --tokens ...`.

Composes bus, database and server from flags, and runs until SIGTERM.
"""

import argparse
import importlib.metadata
import os
import ssl
import sys
from pathlib import Path

import uvicorn
from pymongo.errors import ConfigurationError, InvalidURI

from bus.logs import add_log_option, configure_logs
from bus.paho_bus import PahoBus
from bus.settings import BusSettings, BusSettingsError
from dash_app.page import Page
from dash_app.patience import PatientProtocol
from dash_app.script_folders import ScriptFolders
from dash_app.scripts_route import DEFAULT_SECONDS, LONGEST_SECONDS, ScriptRuns
from dash_app.server import build_server
from hq.outside.outside import Outside
from hq.rest import audit
from hq.rest.audit_trail import AuditTrail
from hq.rest.database import open_database
from hq.rest.house import build_house
from hq.rest.sessions import Sessions
from hq.rest.tokens import TokenFile
from idlehands.house import allowed_scripts
from idlehands.pairing.on_page import PairingFiles
from schemas.audit import SPOOL

LOOPBACK_NAMES = ("localhost", "127.0.0.1", "::1")
_MOST_CONNECTIONS = 500
#: The scripts that come with Idlehands, where it runs from its repository.
_OWN_SCRIPTS = Path(__file__).resolve().parents[1] / "scripts"


def main(argv: list[str] | None = None) -> None:
    """Serve until told to stop; exits with one clear error when that cannot be."""
    options = _parse(argv)
    configure_logs(options.log_format)
    try:
        settings = BusSettings.parse(options.broker, options.certificate)
        host, port = _parse_listen(options.listen)
        uri = _read_uri(options.mongodb_file)
        bus = PahoBus(settings)
        settings.read_context()
        _check_tls(options)
    except (BusSettingsError, ValueError, OSError) as error:
        sys.exit(f"dash_app: {error}")
    house = build_house(bus, uri)
    beside = options.tokens.parent
    house.private_callbacks = os.environ.get("IDLEHANDS_CALLBACKS") == "private"
    house.renewals = beside / "renewals"
    house.trail = AuditTrail(beside / SPOOL, house.asking, lambda note: audit.is_noted(house.database, note))
    house.outside = Outside(
        options.certificate,
        bus,
        house.asking,
        house.live,
        lambda: house.database,
        allows_private=house.private_callbacks,
    )
    folders = options.scripts or [beside / "scripts", *([_OWN_SCRIPTS] if _OWN_SCRIPTS.is_dir() else [])]
    server = build_server(
        house,
        TokenFile(options.tokens),
        [*LOOPBACK_NAMES, host, *options.allow_host],
        importlib.metadata.version("idlehands"),
        Page(
            house,
            Sessions(beside / "logins", beside / "sessions"),
            ScriptFolders(folders, beside / allowed_scripts.FILE_NAME),
            PairingFiles(beside),
            beside / allowed_scripts.UPLOADS_NAME,
        ),
        ScriptRuns(house, beside / allowed_scripts.FILE_NAME, options.script_seconds),
    )
    uvicorn.run(
        server,
        host=host,
        port=port,
        access_log=False,
        log_config=None,
        server_header=False,
        proxy_headers=False,
        http=PatientProtocol,
        timeout_graceful_shutdown=5,
        # A page only says which address it shows.
        ws_max_size=65_536,
        limit_concurrency=_MOST_CONNECTIONS,
        ssl_certfile=options.tls_certificate,
        ssl_keyfile=options.tls_key,
    )


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m dash_app", description="REST and the page.")
    parser.add_argument("--broker", required=True, metavar="HOST:PORT")
    parser.add_argument(
        "--certificate", required=True, type=Path, metavar="DIR", help="ca.pem cert.pem key.pem"
    )
    parser.add_argument(
        "--mongodb-file", required=True, type=Path, metavar="FILE", help="holds the MongoDB URI"
    )
    parser.add_argument("--listen", required=True, metavar="HOST:PORT")
    parser.add_argument("--tokens", required=True, type=Path, metavar="FILE", help="tokens.json of the house")
    parser.add_argument("--tls-certificate", type=Path, metavar="FILE", help="serve https with it")
    parser.add_argument("--tls-key", type=Path, metavar="FILE", help="its key")
    parser.add_argument(
        "--allow-host", action="append", default=[], metavar="NAME", help="another name of this server"
    )
    parser.add_argument(
        "--scripts",
        action="append",
        default=[],
        type=Path,
        metavar="DIR",
        help="scripts that the page may run; by default the folder scripts beside the tokens, and our own",
    )
    parser.add_argument(
        "--script-seconds",
        type=_seconds,
        default=os.environ.get("IDLEHANDS_SCRIPT_SECONDS") or str(DEFAULT_SECONDS),
        metavar="N",
        help=f"how long POST /scripts/run waits unless it says so itself (default: {DEFAULT_SECONDS:g})",
    )
    add_log_option(parser)
    return parser.parse_args(argv)


def _seconds(text: str) -> float:
    seconds = float(text)
    if not 0 < seconds <= LONGEST_SECONDS:
        raise ValueError
    return seconds


def _parse_listen(address: str) -> tuple[str, int]:
    host, colon, port = address.rpartition(":")
    host = host.removeprefix("[").removesuffix("]")
    if not colon or not host or not port.isdecimal() or not 0 < int(port) < 65536:
        raise ValueError(f"--listen {address!r} is not HOST:PORT, such as 127.0.0.1:8080")
    return host, int(port)


def _check_tls(options: argparse.Namespace) -> None:
    """Find out before the start what uvicorn would say with a traceback."""
    if (options.tls_certificate is None) != (options.tls_key is None):
        raise ValueError("give both --tls-certificate and --tls-key, or neither for plain HTTP")
    if options.tls_certificate is not None:
        try:
            ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(options.tls_certificate, options.tls_key)
        except (OSError, ssl.SSLError) as error:
            raise ValueError(f"cannot serve with {options.tls_certificate}: {error}") from None


def _read_uri(file: Path) -> str:
    try:
        uri = file.read_text().strip()
        # Made only to see whether it can be understood: nothing is connected.
        open_database(uri)
    except OSError as error:
        raise ValueError(f"cannot read {file}: {error.strerror}. It holds the MongoDB URI.") from None
    except (ConfigurationError, InvalidURI) as error:
        raise ValueError(f"{file} holds no MongoDB URI that can be used: {error}") from None
    return uri


if __name__ == "__main__":
    main()
