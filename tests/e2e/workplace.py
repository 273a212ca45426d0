"""A real house with jobs that keep a ledger: submit, kill, and see what really happened."""

import json
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import msgspec
from pymongo.errors import PyMongoError

from bus.settings import BusSettings
from hq.log.connection import connect as connect_database
from hq.log.mongo import MongoLog
from hq.log.port import LogUnavailable
from hq.read_models.verify import find_differences
from hq.read_models.writer import read_checkpoint
from idlehands.bundle import build_bundle
from idlehands.client import Client, connect
from idlehands.house.running import RunningHouse
from schemas.events import AnyEvent, JobEvent
from schemas.specs import JobSpec, ScriptRef
from tests.fixtures.broker import eventually
from tests.fixtures.stopping import stop

SCRIPT = Path(__file__).parent / "ledger_script.py"


class Entry(msgspec.Struct, frozen=True):
    """One line of the ledger."""

    what: str
    tag: str
    job: str
    token: int
    pid: int
    folder: str
    #: On the machine's monotonic clock, which all its processes share.
    at: float
    #: Unix seconds.
    wall: float

    @property
    def agent(self) -> str:
        """Return whose attempt it was: an agent's folder is `agents/NAME/home`."""
        return Path(self.folder).parents[2].name


def read_ledger(path: Path) -> list[Entry]:
    """Return the ledger's lines in the order in which they were written."""
    if not path.exists():
        return []
    content = path.read_bytes()
    # The last line may be one that is just being written.
    whole = content[: content.rfind(b"\n") + 1].splitlines()
    return [msgspec.json.decode(line, type=Entry) for line in whole]


def read_spool(home: Path) -> list[tuple[str, int]]:
    """Return (job, token) of every result that lies in the spool of the agent in `home`."""
    with closing(sqlite3.connect(f"file:{home / 'spool.db'}?mode=ro", uri=True, timeout=60)) as spool:
        return [(job, token) for job, token in spool.execute("SELECT job, token FROM results")]


class Workplace:
    """A running house, a client of it, and a ledger of its own."""

    def __init__(self, house: RunningHouse, client: Client, ledger: Path) -> None:
        self.house = house
        self.client = client
        self.ledger = ledger
        self._scripts = [self._store(SCRIPT)]

    def _store(self, script: Path) -> ScriptRef:
        bundle = build_bundle(script)
        return ScriptRef(self.client.put_blob(bundle.content), bundle.entry, "ledger")

    # --- jobs -------------------------------------------------------------------

    def add_scripts(self, folder: Path, count: int) -> None:
        """Store more scripts that do the same, which each agent has to fetch anew."""
        for number in range(len(self._scripts), len(self._scripts) + count):
            script = folder / f"ledger_{number}.py"
            script.write_bytes(SCRIPT.read_bytes() + b"# %d\n" % number)
            self._scripts.append(self._store(script))

    def spec(
        self,
        tag: str,
        seconds: float = 0.0,
        *,
        until: Path | None = None,
        code: int = 0,
        script: int = 0,
        **more: Any,
    ) -> JobSpec:
        """Return the spec of a job that notes its begin and end under `tag`, once there is a file `until`."""
        params: dict[str, Any] = {"ledger": str(self.ledger), "tag": tag, "seconds": seconds, "code": code}
        if until is not None:
            params["until"] = str(until)
        return JobSpec(self._scripts[script % len(self._scripts)], params, name=tag, **more)

    def submit(self, count: int, seconds: float, *, tag: str = "job", **more: Any) -> list[str]:
        """Submit equal jobs and return their ids."""
        specs = [self.spec(f"{tag}-{number}", seconds, **more) for number in range(count)]
        return list(self.client.submit(specs, deadline_seconds=60).jobs)

    def entries(self, what: str, jobs: list[str]) -> list[Entry]:
        """Return the ledger's lines `begin` or `end` of these jobs."""
        return [entry for entry in read_ledger(self.ledger) if entry.what == what and entry.job in jobs]

    def wait_begun(self, jobs: list[str], seconds: float = 60) -> list[Entry]:
        """Wait until every one of the jobs has begun; return their first lines."""
        eventually(lambda: {entry.job for entry in self.entries("begin", jobs)} == set(jobs), seconds)
        return self.entries("begin", jobs)

    def status(self, job: str) -> str:
        """Return what REST says of a job once it knows all that HQ knows by now."""
        return str(self.client.job(job, at_least=self.client.ping())["status"])

    def wait_final(self, jobs: list[str], seconds: float = 90) -> dict[str, str]:
        """Wait until every job is in a terminal state and return each one's, as the database has it."""
        found: dict[str, str] = {}

        def all_final() -> bool:
            with self.database() as database:
                query = {
                    "_id": {"$in": jobs},
                    "status": {"$in": ["succeeded", "failed", "cancelled", "dead"]},
                }
                found.update({row["_id"]: row["status"] for row in database.jobs.find(query, {"status": 1})})
            return len(found) == len(jobs)

        eventually(lambda: _patiently(all_final), seconds)
        return found

    # --- faults -------------------------------------------------------------------

    def pid(self, name: str) -> int:
        """Return the process id of a component, once it has one."""
        eventually(lambda: self.house.component(name).pid is not None, 60)
        pid = self.house.component(name).pid
        assert pid is not None
        return pid

    def send(self, name: str, number: signal.Signals) -> int:
        """Send a signal to a component's process and return its id."""
        pid = self.pid(name)
        os.kill(pid, number)
        return pid

    def kill(self, name: str) -> int:
        """SIGKILL a component and wait until the supervisor has noticed; return the id it had."""
        restarts = self.house.component(name).restarts
        pid = self.send(name, signal.SIGKILL)
        eventually(lambda: self.house.component(name).restarts > restarts, 60)
        return pid

    @contextmanager
    def frozen(self, name: str) -> Iterator[None]:
        """Hold a component still: SIGSTOP, and SIGCONT at the end."""
        pid = self.pid(name)
        try:
            stop(pid)
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    @property
    def agents(self) -> list[str]:
        """Return the names of the agents of this house."""
        return [
            part.name.removeprefix("agent-")
            for part in self.house.status().components
            if part.name.startswith("agent-")
        ]

    # --- the truth ------------------------------------------------------------------

    @contextmanager
    def database(self) -> Iterator[Any]:
        """Return the house's database, to look into."""
        database = connect_database(self.house.status().mongodb)
        try:
            yield database
        finally:
            database.client.close()

    def events(self, jobs: list[str]) -> list[AnyEvent]:
        """Return all events of these jobs from the log."""
        with self.database() as database:
            return [
                event
                for decision in MongoLog(database).read_after(0)
                for event in decision.events
                if isinstance(event, JobEvent) and event.job in jobs
            ]

    def names_of_events(self, jobs: list[str]) -> set[str]:
        """Return which kinds of events these jobs had."""
        return {type(event).__name__ for event in self.events(jobs)}

    def check_quiet(self) -> None:
        """Wait until nothing is on its way any more; then read models must be the fold of the log."""
        eventually(lambda: all(read_spool(self.house.home.agent(a) / "home") == [] for a in self.agents), 60)
        with self.database() as database:
            log = MongoLog(database)
            eventually(lambda: _patiently(lambda: read_checkpoint(database)[0] == log.tail().position), 60)
            assert find_differences(database, log) == []


def _patiently(look: Callable[[], bool]) -> bool:
    """Return what `look` says; False while the database is away."""
    try:
        return look()
    except (PyMongoError, LogUnavailable):
        return False


@contextmanager
def at_work(house: RunningHouse, ledger: Path) -> Iterator[Workplace]:
    """Open a workplace with the certificate of the command line."""
    settings = BusSettings.parse(house.home.broker_address, house.home.client("cli"))
    with connect(settings, timeout_seconds=60) as client:
        yield Workplace(house, client, ledger)


def is_gone(pid: int) -> bool:
    """Tell whether a process is over."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].startswith("Z")
    except OSError:
        return True


def status_json(house: RunningHouse, *words: str) -> dict[str, Any]:
    """Return what a command of `idlehands` prints as JSON."""
    printed = subprocess.run(
        [sys.executable, "-P", "-m", "idlehands", *words, "--json"],
        env=os.environ | {"IDLEHANDS_HOME": str(house.home.path)},
        capture_output=True,
        check=True,
    )
    read: dict[str, Any] = json.loads(printed.stdout)
    return read
