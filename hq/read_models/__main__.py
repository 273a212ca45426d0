"""`python -m hq.read_models --mongodb-file FILE`: make the read models again from the event log.

Composes log and read models from flags. An HQ that runs meanwhile loads them
anew by itself.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from hq.log.connection import check_server, connect
from hq.log.mongo import MongoLog
from hq.log.port import LogUnavailable, LogUnreadable
from hq.read_models.rebuild import rebuild


def main() -> int:
    """Rebuild, say how far it is, and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m hq.read_models", description="Rebuild the read models.")
    parser.add_argument("--mongodb-file", required=True, metavar="FILE", help="holds the MongoDB URI")
    parser.add_argument("--json", action="store_true", help="on standard output, JSON lines: how far it is")
    options = parser.parse_args()
    try:
        database = connect(Path(options.mongodb_file).read_text().strip())
    except (OSError, LogUnreadable) as error:
        return _fail(str(error))
    try:
        check_server(database)
        log = MongoLog(database)
        position = rebuild(database, log, _teller(options.json, log))
    except (LogUnavailable, LogUnreadable) as error:
        return _fail(str(error))
    finally:
        database.client.close()
    said = f"The read models reflect the event log up to position {position}."
    _tell(options.json, {"position": position, "said": [said]}, said)
    return 0


def _teller(json: bool, log: MongoLog) -> Callable[[int], None]:
    last = log.tail().position
    return lambda at: _tell(json, {"done": at, "total": max(at, last)}, f"at position {at}")


def _tell(json: bool, document: dict[str, Any], words: str) -> None:
    if json:
        print(msgspec.json.encode(document).decode(), flush=True)
    else:
        _say(words)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _fail(text: str) -> int:
    _say(f"Error: {text}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
