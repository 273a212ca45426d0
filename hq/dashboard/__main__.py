"""`python -m hq.dashboard --mongodb-file FILE [--port N]`: optuna-dashboard over the sweeps of a house.

It listens on 127.0.0.1 and nowhere else: it has no login, and the house's gate is not before it.
"""

import argparse
import signal
import sys
from pathlib import Path
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

from pymongo.errors import PyMongoError

from hq.dashboard.door import only_reading

ADDRESS = "127.0.0.1"
_MISSING = (
    "Error: Optuna's page is not installed here: pip install 'idlehands[dashboard]', then again. ({error})\n"
)


class _Server(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _Silent(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # the name is wsgiref's
        """Write nothing for each request."""


def main(argv: list[str] | None = None) -> int:
    """Serve until stopped; return the exit code."""
    options = _parse(argv)
    try:
        from optuna_dashboard import wsgi

        from hq.dashboard.storage import SweepStorage
    except ImportError as error:
        sys.stderr.write(_MISSING.format(error=error))
        return 1
    try:
        uri = options.mongodb_file.read_text().strip()
    except OSError as error:
        sys.stderr.write(f"Error: {options.mongodb_file} cannot be read: {error.strerror}.\n")
        return 1
    storage = SweepStorage(uri)
    try:
        storage.get_all_studies()
    except PyMongoError as error:
        sys.stderr.write(f"Error: the database does not answer: {str(error)[:200]}. Is the house up?\n")
        return 1
    try:
        server = make_server(ADDRESS, options.port, lambda *_: [], _Server, _Silent)
    except OSError as error:
        sys.stderr.write(f"Error: port {options.port} is taken: {error.strerror}. Choose another: --port N\n")
        return 1
    port = server.server_port
    server.set_app(only_reading(wsgi(storage), port))
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    sys.stdout.write(
        f"Optuna's page over the sweeps of this house: http://{ADDRESS}:{port}\n"
        "Only this machine reaches it, and everybody who is logged in to this machine; Ctrl-C ends it.\n"
    )
    sys.stdout.flush()
    try:
        server.serve_forever()
    except KeyboardInterrupt:
        pass
    finally:
        server.server_close()
        storage.close()
    return 0


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hq.dashboard", description=__doc__)
    parser.add_argument("--mongodb-file", type=Path, required=True, help="holds the URI of the database")
    parser.add_argument("--port", type=int, default=8080, help="0 for any that is free")
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
