"""HQ's process: `python -m hq --broker HOST:PORT --certificate DIR --mongodb-file FILE ...`.

Composes broker, event log, read models and the authority. Ends with 0 when
told to stop, with 3 when another HQ took over, with 1 on any other trouble:
whoever supervises it starts it again.
"""

import argparse
import gc
import importlib.metadata
import logging
import secrets
import signal
import sys
import threading
import time
from pathlib import Path
from typing import Any

from pymongo.database import Database
from pymongo.errors import PyMongoError

from bus.clock import suspend_aware_seconds
from bus.logs import add_log_option, configure_logs
from bus.paho_bus import PahoBus
from bus.port import LastWill
from bus.settings import BusSettings, BusSettingsError
from bus.signing import KeyFile
from bus.topics import HQ_STATE
from hq.announcing import Announcer
from hq.core.authority import Authority
from hq.energy_today import read_energy_since
from hq.house_figures import HouseFigures, midnight_before
from hq.housekeeping.housekeeper import Housekeeper, compact_command
from hq.housekeeping.settings import SettingsUnusable, read_settings
from hq.inbox import Inbox
from hq.log.appender import Appender
from hq.log.connection import check_server, connect
from hq.log.epoch import begin_epoch
from hq.log.mongo import MongoLog
from hq.log.port import LogUnavailable, LogUnreadable, PositionTaken
from hq.lookup import SpecLookUp
from hq.loop import SUBSCRIPTIONS, Loop, Stop, Tidy, report_commits, report_death
from hq.read_models.indexes import ensure_indexes
from hq.read_models.loading import load
from hq.read_models.models import ReadModelsUnusable
from hq.read_models.projector import Projector
from hq.read_models.recorder import Recorder
from hq.sealing import Sealer
from hq.standby import await_turn
from hq.trusting import HouseAuthor, Principals, PrincipalsUnusable
from schemas.messages import HqState
from trust.keys import KeyUnusable, load_signing_key
from trust.vault import Vault

STEPPED_DOWN = 3
#: A database that is away for longer at start is reported; the supervisor tries again.
DATABASE_WAIT_SECONDS = 20.0
_LONGEST_RETRY_SECONDS = 2.0

_TROUBLE = (
    BusSettingsError,
    OSError,
    LogUnavailable,
    LogUnreadable,
    KeyUnusable,
    PrincipalsUnusable,
    ReadModelsUnusable,
    SettingsUnusable,
)
log = logging.getLogger("hq")


def main(argv: list[str] | None = None) -> int:
    """Run HQ and return its exit code."""
    options = _parse(argv)
    configure_logs(options.log_format)
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    try:
        settings = BusSettings.parse(options.broker, options.certificate, options.root)
        settings.read_context()
        uri = Path(options.mongodb_file).read_text().strip()
        database = connect(uri)
        if not await_turn(settings, stopping, lambda: _read_epoch(database)):
            return 0
        return _lead(settings, database, options, stopping)
    except PositionTaken as error:
        log.warning("%s", error)
        return STEPPED_DOWN
    except _TROUBLE as error:
        print(f"hq: {error}", file=sys.stderr)
        return 1


def _read_epoch(database: Database[dict[str, Any]]) -> int | None:
    try:
        return MongoLog(database).tail().epoch
    except LogUnavailable:
        return None


def _lead(
    settings: BusSettings,
    database: Database[dict[str, Any]],
    options: argparse.Namespace,
    stopping: threading.Event,
) -> int:
    keeping = read_settings(options.retention)
    # Here, where somebody sees what is wrong with them.
    grant_key = settings.certificate / "sign.key"
    load_signing_key(grant_key)
    principals = Principals(settings.certificate / "principals.json")
    author = HouseAuthor.load(settings.certificate / "author.key")
    sealer = Sealer(Vault(settings.certificate / "secrets"), principals.sealing_key_of)
    _await_database(database, stopping)
    if stopping.is_set():
        return 0
    ensure_indexes(database)
    event_log = MongoLog(database)
    instance = secrets.token_hex(16)
    epoch, position = begin_epoch(event_log, instance, time.time, stopping.is_set)
    state, writer = load(database, event_log)
    if state.epoch != epoch:
        raise PositionTaken(state.position)
    log.info("epoch %d begins at position %d with %d live jobs", epoch, position, len(state.jobs))
    # What was loaded lives as long as HQ: the collector need not look at it again and again.
    gc.freeze()
    # Jobs come by the thousand and stay for a while: looking for cycles every 700 of them cost a third
    # of a submit. There are hardly any cycles.
    gc.set_threshold(50_000, 20, 20)

    version = importlib.metadata.version("idlehands")
    authority = Authority(
        state,
        instance=instance,
        now=suspend_aware_seconds(),
        wall=time.time(),
        version=version,
        rest=options.rest,
    )
    authority.know_secrets(sealer.known)
    will = LastWill(HQ_STATE, {}, HqState(False, epoch, version))
    # Everybody waits for HQ, and there is only one: it need not spare the broker as a thousand agents must.
    bus = PahoBus(
        settings,
        will=will,
        signer=KeyFile(grant_key),
        check=principals.check,
        longest_retry_seconds=_LONGEST_RETRY_SECONDS,
    )
    inbox = Inbox()
    appender = Appender(
        event_log,
        next_position=state.position + 1,
        on_done=report_commits(inbox),
        on_fatal=report_death(inbox, "the appender"),
        clock=suspend_aware_seconds,
    )
    projector = Projector(writer, position=state.position, on_fatal=report_death(inbox, "the projector"))
    recorder = Recorder(
        database,
        epoch=epoch,
        on_fatal=report_death(inbox, "the recorder"),
        retention=keeping.retention(),
    )
    look_up = SpecLookUp(
        database,
        lambda: projector.position >= state.position,
        on_fatal=report_death(inbox, "the look-up"),
    )
    housekeeper = Housekeeper(
        database,
        lambda jobs, sweeps: inbox.put(Tidy(jobs, sweeps)),
        on_fatal=report_death(inbox, "the housekeeper"),
        retention_file=options.retention,
        compact_command=compact_command(options.mongodb_file),
    )
    helpers = (appender, projector, recorder, look_up, housekeeper)
    for helper in helpers:
        helper.start()
    for topic in SUBSCRIPTIONS:
        bus.subscribe(topic)
    bus.start(inbox.put_message)
    threading.Thread(target=_await_stop, args=(stopping, inbox), name="signals", daemon=True).start()
    try:
        trouble = Loop(
            authority,
            bus,
            inbox,
            appender=appender,
            projector=projector,
            recorder=recorder,
            look_up=look_up,
            sign_scripts=author.sign_grants,
            seal_secrets=sealer.seal_grants,
            announcer=Announcer(bus, options.root, version, principals.names, _figures(authority, database)),
        ).run()
    finally:
        bus.stop()
        for helper in helpers:
            helper.stop()
        database.client.close()
    if isinstance(trouble, PositionTaken):
        return STEPPED_DOWN
    return 1 if trouble else 0


def _figures(authority: Authority, database: Database[dict[str, Any]]) -> HouseFigures:
    try:
        kwh = read_energy_since(database, midnight_before(time.time()))
    except PyMongoError as error:
        log.warning("what jobs used today cannot be read, so it is not told: %s", type(error).__name__)
        return HouseFigures(authority.books, time.time, energy_is_known=False)
    return HouseFigures(authority.books, time.time, energy_today_kwh=kwh)


def _await_stop(stopping: threading.Event, inbox: Inbox) -> None:
    stopping.wait()
    inbox.put(Stop())


def _await_database(database: Database[dict[str, Any]], stopping: threading.Event) -> None:
    deadline = time.monotonic() + DATABASE_WAIT_SECONDS
    while not stopping.is_set():
        try:
            check_server(database)
            return
        except (LogUnavailable, PyMongoError):
            if time.monotonic() > deadline:
                raise
            stopping.wait(0.2)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m hq", description="The HQ process.")
    parser.add_argument("--broker", required=True, metavar="HOST:PORT")
    parser.add_argument(
        "--certificate", required=True, metavar="DIR", help="with its keys, principals.json and secrets"
    )
    parser.add_argument(
        "--mongodb-file", required=True, metavar="FILE", help="file that holds the MongoDB URI"
    )
    parser.add_argument("--rest", default="", metavar="URL", help="base URL of REST, told to agents")
    parser.add_argument(
        "--retention", type=Path, metavar="FILE", help="how long things are kept (default: for ever)"
    )
    parser.add_argument("--root", default="idlehands/v1", help="first levels of every topic")
    add_log_option(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
