"""`python -m hq.housekeeping clean|compact --mongodb-file FILE`: housekeeping by hand, beside HQ or without.

Jobs that are too old are not deleted here: that is a decision of HQ.
"""

import argparse
import sys
from pathlib import Path
from typing import Any

from pymongo.database import Database
from pymongo.errors import PyMongoError

from hq.housekeeping.ageing import delete_old_records, find_old_jobs
from hq.housekeeping.blobs import sweep_blobs
from hq.housekeeping.compaction import compact
from hq.housekeeping.settings import Keeping, SettingsUnusable, read_settings
from hq.log.connection import check_server, connect, explain
from hq.log.mongo import MongoLog
from hq.log.port import LogUnavailable, LogUnreadable
from hq.read_models.deletion import repeat_deletions
from hq.read_models.models import ReadModelsUnusable
from hq.read_models.writer import read_checkpoint

_MANY = 100_000


def main(argv: list[str] | None = None) -> int:
    """Do it, say what was done, and return the exit code."""
    options = _parse(argv)
    try:
        database = connect(Path(options.mongodb_file).read_text().strip())
    except (OSError, LogUnreadable) as error:
        return _fail(str(error))
    try:
        check_server(database)
        if options.chore == "compact":
            _compact(database, options.keep)
        else:
            _clean(database, read_settings(options.retention), dry_run=options.dry_run)
    except (LogUnavailable, LogUnreadable, ReadModelsUnusable, SettingsUnusable) as error:
        return _fail(str(error))
    except PyMongoError as error:
        return _fail(explain(database, error))
    finally:
        database.client.close()
    return 0


def _clean(database: Database[dict[str, Any]], keeping: Keeping, *, dry_run: bool) -> None:
    would = "Would delete" if dry_run else "Deleted"
    swept = sweep_blobs(database, keeping.blobs_grace_hours, dry_run=dry_run)
    _say(
        f"{would} {swept.blobs} blobs with {swept.bytes} bytes that nothing refers to "
        f"and {swept.orphans} uploads that never ended; {swept.kept} blobs stay."
    )
    if keeping.logs_days is not None:
        records = delete_old_records(database, keeping.logs_days, dry_run=dry_run)
        _say(f"{would} {records} documents of logs and progress older than {keeping.logs_days:g} days.")
    if keeping.finished_jobs_days is not None:
        old = len(find_old_jobs(database, keeping.finished_jobs_days, _MANY))
        days = f"{keeping.finished_jobs_days:g} days"
        _say(f"{old} jobs ended more than {days} ago: a running HQ deletes them within an hour.")
    if not dry_run:
        repeat_deletions(database, read_checkpoint(database)[0])


def _compact(database: Database[dict[str, Any]], keep: int) -> None:
    done = compact(database, MongoLog(database), keep, lambda at: _say(f"at position {at}"))
    if done.after == done.before:
        _say(f"The event log begins at position {done.after}, as before: nothing older than the last {keep}.")
    else:
        _say(f"The event log begins at position {done.after}; it began at {done.before}.")


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hq.housekeeping", description="Housekeeping by hand.")
    chores = parser.add_subparsers(dest="chore", required=True)
    clean = chores.add_parser("clean", help="delete blobs that nothing refers to, and what is too old")
    clean.add_argument("--mongodb-file", required=True, metavar="FILE", help="holds the MongoDB URI")
    clean.add_argument("--retention", type=Path, metavar="FILE", help="retention.json of the house")
    clean.add_argument("--dry-run", action="store_true", help="only say what would be deleted")
    compact = chores.add_parser("compact", help="put a snapshot in the place of the log's beginning")
    compact.add_argument("--mongodb-file", required=True, metavar="FILE", help="holds the MongoDB URI")
    compact.add_argument(
        "--keep", type=int, default=Keeping().compact_keep, metavar="N", help="decisions that stay"
    )
    return parser.parse_args(argv)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _fail(text: str) -> int:
    _say(f"Error: {text}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
