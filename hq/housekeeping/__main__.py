"""`python -m hq.housekeeping clean|compact|keep`: housekeeping by hand, beside HQ or without.

Jobs that are too old are not deleted here: that is a decision of HQ.
"""

import argparse
import math
import sys
from pathlib import Path
from typing import Any

import msgspec
from pymongo.database import Database
from pymongo.errors import PyMongoError

from hq.housekeeping.ageing import delete_old_records, find_old_jobs
from hq.housekeeping.blobs import sweep_blobs
from hq.housekeeping.compaction import compact
from hq.housekeeping.settings import Keeping, SettingsUnusable, change_settings, read_settings
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
    if options.chore == "keep":
        return _keep(options)
    try:
        database = connect(Path(options.mongodb_file).read_text().strip())
    except (OSError, LogUnreadable) as error:
        return _fail(str(error))
    try:
        check_server(database)
        if options.chore == "compact":
            told = _compact(database, options.keep, json=options.json)
        else:
            told = _clean(database, read_settings(options.retention), dry_run=options.dry_run)
    except (LogUnavailable, LogUnreadable, ReadModelsUnusable, SettingsUnusable) as error:
        return _fail(str(error))
    except PyMongoError as error:
        return _fail(explain(database, error))
    finally:
        database.client.close()
    document, *sentences = told
    if options.json:
        _print({**document, "said": sentences})
    else:
        _say("\n".join(sentences))
    return 0


def _keep(options: argparse.Namespace) -> int:
    given = dict(one.partition("=")[::2] for one in options.setting)
    try:
        changes = {name: _number(name, text) for name, text in given.items()}
        keeping = change_settings(options.retention, changes) if given else read_settings(options.retention)
    except SettingsUnusable as error:
        return _fail(str(error))
    document = msgspec.to_builtins(keeping)
    lines = [f"{name} = {'never' if value is None else f'{value:g}'}" for name, value in document.items()]
    if options.json:
        _print({**document, "said": lines})
    else:
        _say("\n".join(lines))
    return 0


def _number(name: str, text: str) -> float | int | None:
    if name not in Keeping.__struct_fields__:
        raise SettingsUnusable(
            f"There is no setting {name[:40]!r}. There are {', '.join(Keeping.__struct_fields__)}."
        )
    if text in ("", "never", "default"):
        return None
    try:
        number = int(text) if text.isdecimal() else float(text)
    except ValueError:
        number = math.nan
    if not math.isfinite(number):
        raise SettingsUnusable(f"{name}: {text[:40]!r} is no number, and not `never` either.")
    return number


def _clean(database: Database[dict[str, Any]], keeping: Keeping, *, dry_run: bool) -> tuple[Any, ...]:
    would = "Would delete" if dry_run else "Deleted"
    swept = sweep_blobs(database, keeping.blobs_grace_hours, dry_run=dry_run)
    document = {"dry_run": dry_run, "blobs": swept.blobs, "bytes": swept.bytes, "orphans": swept.orphans}
    document |= {"kept": swept.kept}
    said = [
        f"{would} {swept.blobs} blobs with {swept.bytes} bytes that nothing refers to "
        f"and {swept.orphans} uploads that never ended; {swept.kept} blobs stay."
    ]
    if keeping.logs_days is not None:
        records = delete_old_records(database, keeping.logs_days, dry_run=dry_run)
        document["records"] = records
        said.append(
            f"{would} {records} documents of logs and progress older than {keeping.logs_days:g} days."
        )
    if keeping.finished_jobs_days is not None:
        old = len(find_old_jobs(database, keeping.finished_jobs_days, _MANY))
        document["old_jobs"] = old
        days = f"{keeping.finished_jobs_days:g} days"
        said.append(f"{old} jobs ended more than {days} ago: a running HQ deletes them within an hour.")
    if not dry_run:
        repeat_deletions(database, read_checkpoint(database)[0])
    return document, *said


def _compact(database: Database[dict[str, Any]], keep: int, *, json: bool) -> tuple[Any, ...]:
    log = MongoLog(database)
    last = log.tail().position

    def on_position(at: int) -> None:
        if json:
            _print({"done": at, "total": max(at, last - keep)})
        else:
            _say(f"at position {at}")

    done = compact(database, log, keep, on_position)
    document = {"begins": done.after, "began": done.before}
    if done.after == done.before:
        same = (
            f"The event log begins at position {done.after}, as before: nothing older than the last {keep}."
        )
        return document, same
    return document, f"The event log begins at position {done.after}; it began at {done.before}."


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
    keep = chores.add_parser("keep", help="say or change how long things are kept")
    keep.add_argument("--retention", type=Path, required=True, metavar="FILE", help="retention.json")
    keep.add_argument("setting", nargs="*", metavar="NAME=NUMBER", help="`never` takes it out")
    for chore in (clean, compact, keep):
        chore.add_argument("--json", action="store_true", help="on standard output, in JSON lines")
    return parser.parse_args(argv)


def _print(document: Any) -> None:
    print(msgspec.json.encode(document).decode(), flush=True)


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _fail(text: str) -> int:
    _say(f"Error: {text}")
    return 1


if __name__ == "__main__":
    sys.exit(main())
