"""A house with work in it, backed up while it runs: restored elsewhere, everything is there and goes on."""

import json
import os
import resource
import signal
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bus.settings import BusSettings
from hq.housekeeping.compaction import compact
from hq.log.connection import connect as connect_database
from hq.log.documents import decision_to_document
from hq.log.epoch import begin_epoch
from hq.log.mongo import MongoLog
from hq.read_models.verify import find_differences
from idlehands.client import connect
from idlehands.house import restoring
from idlehands.house.archive import MANIFEST, Archive, ArchiveWriter, BackupUnusable
from idlehands.house.backup import back_up
from idlehands.house.components import AgentOptions
from idlehands.house.home import HouseError, open_home
from idlehands.house.restoring import restore
from idlehands.house.running import RunningHouse, start_house
from schemas.events import LOG_VERSION, Decision, EpochBegan
from schemas.specs import Needs
from tests.e2e.workplace import Workplace, at_work
from tests.fixtures import commands
from tests.fixtures.broker import eventually

pytestmark = pytest.mark.process
OPTIONS = AgentOptions(count=1, slots=2)


def command(home: Path, *words: str, **more: Any) -> subprocess.CompletedProcess[str]:
    """Run a command of `idlehands` for the house in `home`."""
    # What is set before a program begins holds for that process.
    begin = (sys.executable, "-P", "-m", "idlehands") if more else commands.idlehands()
    argv = [*begin, *words]
    environment = os.environ | {"IDLEHANDS_HOME": str(home)}
    return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False, **more)


@dataclass
class Old:
    """A house that is over, what it knew at the moment of its backup, and the backups."""

    home: Path
    backup: Path
    with_logs: Path
    ledger: Path
    #: Restored while the old house was up.
    beside: Path
    beside_printed: str
    #: A certificate of another machine.
    attic: Path
    ended: dict[str, str]
    running: list[str]
    queued: list[str]
    decisions: list[Decision]
    blobs: dict[str, int]
    last_epoch: int


@pytest.fixture(scope="module")
def old(tmp_path_factory: pytest.TempPathFactory) -> Old:
    folder = tmp_path_factory.mktemp("backup")
    home, backup, with_logs = folder / "old", folder / "house.backup", folder / "logs.backup"
    with start_house(home, OPTIONS, wait_seconds=120) as house, at_work(house, folder / "ledger") as work:
        issued = command(home, "cert", "issue", "attic", "--role", "agent", "--out", str(folder / "attic"))
        assert issued.returncode == 0, issued.stderr
        done = work.submit(3, 0.0, tag="done") + work.submit(1, 0.0, tag="bad", code=3)
        ended = work.wait_final(done)
        running = work.submit(2, 300.0, tag="running")
        work.wait_begun(running)
        queued = work.submit(2, 0.0, tag="queued")
        for file, words in ((backup, ()), (with_logs, ("--with-logs",))):
            written = command(home, "backup", str(file), *words)
            assert written.returncode == 0, written.stderr
        with work.database() as database:
            decisions = list(MongoLog(database).read_after(0))
            blobs = {row["filename"]: row["length"] for row in database["blobs.files"].find()}
        restored = command(folder, "restore", str(backup), "--home", str(folder / "beside"))
        assert restored.returncode == 0, restored.stderr
        # The house goes on after its backup, in a later epoch.
        work.kill("hq")
        house.wait_ready(60)
        with work.database() as database:
            last_epoch = MongoLog(database).tail().epoch
    return Old(
        home, backup, with_logs, folder / "ledger", folder / "beside", restored.stderr, folder / "attic",
        ended, running, queued, decisions, blobs, last_epoch,
    )  # fmt: skip


def test_a_backup_is_private_says_so_and_is_never_overwritten(old: Old) -> None:
    assert old.backup.stat().st_mode & 0o777 == 0o600

    again = command(old.home, "backup", str(old.backup))

    assert again.returncode == 1
    assert "exists already and is kept" in again.stderr


def test_a_restored_house_has_everything_and_goes_on(old: Old) -> None:
    """The old house was up during this restore, so its ports were taken."""
    assert "is in use here" in old.beside_printed
    settings = json.loads((old.beside / "house.json").read_text())
    assert settings["ports"] != json.loads((old.home / "house.json").read_text())["ports"]
    # What the old house's machine ran is over: its scripts died with it.
    old.ledger.rename(old.ledger.with_name("ledger of the old house"))

    with start_house(old.beside, OPTIONS, wait_seconds=120) as house, at_work(house, old.ledger) as work:
        with work.database() as database:
            log = MongoLog(database)
            kept = list(log.read_after(0, limit=_backed_up_position(old)))
            assert kept == old.decisions[: len(kept)]
            assert find_differences(database, log) == []
            assert {r["filename"]: r["length"] for r in database["blobs.files"].find()} == old.blobs
            began = next(d for d in log.read_after(len(kept)) if isinstance(d.events[0], EpochBegan))
            assert began.epoch > old.last_epoch
        assert work.wait_final(list(old.ended)) == old.ended
        # What ran begins again, under tokens larger than any before; then what was queued runs.
        tokens = {entry.job: entry.token for entry in work.wait_begun(old.running)}
        assert all(tokens[job] > _last_token(old, job) for job in old.running)
        for job in old.running:
            work.client.cancel([job])
        assert set(work.wait_final(old.running).values()) == {"cancelled"}
        assert set(work.wait_final(old.queued).values()) == {"succeeded"}
        _check_old_keys(old, house, work)
        work.check_quiet()


def _check_old_keys(old: Old, house: RunningHouse, work: Workplace) -> None:
    """Who had a certificate of the old house gets into the new one: a client, and another machine."""
    settings = BusSettings.parse(house.home.broker_address, old.home / "clients" / "cli")
    with connect(settings, timeout_seconds=60) as client:
        assert client.status(10)["epoch"] > old.last_epoch
    argv = ["-P", "-m", "agents", "--broker", house.home.broker_address]
    argv += ["--certificate", str(old.attic), "--home", str(old.attic / "home")]
    agent = subprocess.Popen([sys.executable, *argv], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        jobs = work.submit(1, 0.0, tag="attic", needs=Needs(agent="attic"))
        assert set(work.wait_final(jobs).values()) == {"succeeded"}
    finally:
        agent.terminate()
        agent.wait(60)


def _backed_up_position(old: Old) -> int:
    with zipfile.ZipFile(old.backup) as file:
        position: int = json.loads(file.read(MANIFEST))["position"]
    return position


def _last_token(old: Old, job: str) -> int:
    events = [event for decision in old.decisions for event in decision.events]
    return max(getattr(e, "token", 0) or 0 for e in events if getattr(e, "job", None) == job)


def test_logs_are_there_when_they_were_asked_for(old: Old) -> None:
    def counts(file: Path) -> dict[str, int]:
        with zipfile.ZipFile(file) as opened:
            found: dict[str, int] = json.loads(opened.read(MANIFEST))["counts"]
        return found

    assert counts(old.with_logs)["progress"] > 0
    assert "progress" not in counts(old.backup)


def test_a_house_that_is_down_is_backed_up_too_and_restored_with_its_addresses(
    old: Old, tmp_path: Path
) -> None:
    done = command(old.home, "backup", str(tmp_path / "down.backup"), "--with-logs", "--json")
    assert done.returncode == 0, done.stderr

    report = restore(tmp_path / "again", tmp_path / "down.backup")

    # The old house is down, so nobody has its ports.
    assert report.remarks == ()
    assert (tmp_path / "again" / "house.json").read_bytes() == (old.home / "house.json").read_bytes()
    for name in ("pki/ca.key", "pki/issued.json", "tokens.json", "agents/vm/key.pem"):
        if (old.home / name).exists():
            assert (tmp_path / "again" / name).read_bytes() == (old.home / name).read_bytes()
            assert (tmp_path / "again" / name).stat().st_mode & 0o777 == 0o600
    assert report.counts == json.loads(done.stdout)["counts"]
    assert not (tmp_path / "again" / "restoring").exists()


@pytest.mark.slow
def test_a_backup_that_meets_a_full_disk_says_so_and_leaves_nothing(old: Old, tmp_path: Path) -> None:
    def fill() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (6000, 6000))

    # The house is up: a database that is started by the backup would meet the limit itself.
    with start_house(old.beside, OPTIONS, wait_seconds=120):
        full = command(old.beside, "backup", str(tmp_path / "full.backup"), preexec_fn=fill)

        assert full.returncode == 1
        assert "cannot be written" in full.stderr
        assert "the house is as it was" in full.stderr
        assert list(tmp_path.iterdir()) == []


def _cut(content: bytes) -> bytes:
    return content[: len(content) // 2]


def _flip(content: bytes) -> bytes:
    broken = bytearray(content)
    broken[100] ^= 1
    return bytes(broken)


@pytest.mark.parametrize(
    ("damage", "why"),
    [
        (_cut, "cut short or damaged"),
        (_flip, "is damaged"),
        (lambda _: b"a file of somebody else", "no backup of idlehands"),
        (lambda _: b"", "no backup of idlehands"),
    ],
)
def test_a_foreign_or_damaged_file_is_refused_and_nothing_is_made(
    old: Old, tmp_path: Path, damage: Callable[[bytes], bytes], why: str
) -> None:
    bad = tmp_path / "bad.backup"
    bad.write_bytes(damage(old.backup.read_bytes()))

    refused = command(tmp_path / "new", "restore", str(bad))

    assert refused.returncode == 1
    assert why in refused.stderr
    assert "Traceback" not in refused.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["bad.backup"]


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"version": 2}, "written by a newer idlehands"),
        ({"log_version": LOG_VERSION + 1}, f"log .* is of version {LOG_VERSION + 1}"),
        ({"protocol": "idlehands/v2"}, "speaks idlehands/v2"),
        ({"created": 9e9}, "in the future of this machine's clock"),
        ({"position": 10**6}, "does not end where it should"),
    ],
)
def test_a_backup_that_this_house_must_not_use_is_refused_and_nothing_is_made(
    old: Old, tmp_path: Path, change: dict[str, Any], why: str
) -> None:
    changed = tmp_path / "changed.backup"
    _copy(old.backup, changed, {MANIFEST: _with(change)})

    with pytest.raises(HouseError, match=why):
        restore(tmp_path / "new", changed)

    assert [path.name for path in tmp_path.iterdir()] == ["changed.backup"]


def _with(change: dict[str, Any]) -> Callable[[bytes], bytes]:
    return lambda raw: msgspec.json.encode(msgspec.json.decode(raw) | change)


def _copy(file: Path, to: Path, changes: dict[str, Callable[[bytes], bytes]]) -> None:
    with zipfile.ZipFile(file) as given, zipfile.ZipFile(to, "w") as made:
        for name in given.namelist():
            made.writestr(name, changes.get(name, bytes)(given.read(name)))


def test_a_log_that_a_newer_version_continued_is_refused_and_what_was_made_is_removed(
    old: Old, tmp_path: Path
) -> None:
    changed, position = tmp_path / "changed.backup", _backed_up_position(old) + 1
    epoch = 8 * 10**9
    newer = Decision(position, epoch, "f" * 32, 8e9, (EpochBegan(epoch, "0" * 32, LOG_VERSION + 1),))
    with Archive(old.backup) as given, ArchiveWriter(changed) as made:
        for name in given.manifest.members:
            made.add(name, given.read(name))
        made.add("database/events/99999", [decision_to_document(newer).raw])
        counts = given.manifest.counts | {"events": given.manifest.counts["events"] + 1}
        made.finish(
            msgspec.structs.replace(given.manifest, members=made.members, counts=counts, position=position)
        )

    with pytest.raises(BackupUnusable, match=f"of version {LOG_VERSION + 1} since position {position}"):
        restore(tmp_path / "new", changed)

    assert [path.name for path in tmp_path.iterdir()] == ["changed.backup"]


def test_only_an_empty_folder_takes_a_house(old: Old, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")

    with pytest.raises(HouseError, match=r"is not empty: it holds mine.txt"):
        restore(tmp_path, old.backup)
    with pytest.raises(HouseError, match="is not empty"):
        restore(old.home, old.backup)

    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_a_house_that_does_not_fit_is_refused_before_anything_is_made(
    old: Old, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "_GROWTH", 1 << 40)

    with pytest.raises(HouseError, match="too little room"):
        restore(tmp_path / "new", old.backup)

    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_a_killed_restore_does_not_pass_for_a_house_and_is_begun_anew(old: Old, tmp_path: Path) -> None:
    path = tmp_path / "new"
    argv = [sys.executable, "-P", "-m", "idlehands", "restore", str(old.backup), "--home", str(path)]
    killed = subprocess.Popen(argv, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    eventually(lambda: (path / "mongodb" / "db" / "WiredTiger").exists(), 60)
    killed.send_signal(signal.SIGKILL)
    killed.wait(60)

    with pytest.raises(HouseError, match="goes on, or was killed"):
        open_home(path)
    report = restore(path, old.backup)

    assert report.position == _backed_up_position(old)
    assert (path / "house.json").exists()


def test_a_restore_into_a_database_elsewhere_wants_it_empty_and_leaves_it_so(
    old: Old, tmp_path: Path, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("IDLEHANDS_MONGODB", mongodb_uri)
    broken = tmp_path / "broken.backup"
    _copy(old.backup, broken, {MANIFEST: _with({"position": 10**6})})
    with pytest.raises(BackupUnusable, match="does not end where it should"):
        restore(tmp_path / "new", broken)
    database = connect_database(mongodb_uri)
    try:
        assert database.list_collection_names() == []
        assert not (tmp_path / "new").exists()

        restore(tmp_path / "new", old.backup)

        assert find_differences(database, MongoLog(database)) == []
        with pytest.raises(HouseError, match="not empty"):
            restore(tmp_path / "second", old.backup)
        assert MongoLog(database).tail().position == _backed_up_position(old)
    finally:
        database.client.close()


def test_a_compacted_house_is_backed_up_with_what_its_log_stands_on(
    old: Old, tmp_path: Path, mongodb_uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    second_uri = mongodb_uri.replace("?", "_second?", 1)
    monkeypatch.setenv("IDLEHANDS_MONGODB", mongodb_uri)
    restore(tmp_path / "first", old.backup)
    first, second = connect_database(mongodb_uri), connect_database(second_uri)
    try:
        compacted = compact(first, MongoLog(first), keep=3)
        assert compacted.after > 1
        back_up(open_home(tmp_path / "first"), tmp_path / "compacted.backup")
        monkeypatch.setenv("IDLEHANDS_MONGODB", second_uri)

        restore(tmp_path / "second", tmp_path / "compacted.backup")

        log = MongoLog(second)
        assert log.start() == compacted.after
        assert log.tail() == MongoLog(first).tail()
        assert find_differences(second, log) == []
        for name in ("jobs", "results", "agents"):
            assert list(second[name].find().sort("_id")) == list(first[name].find().sort("_id"))
        # It can be compacted again, and HQ can begin on it.
        assert compact(second, log, keep=1).after > compacted.after
        assert find_differences(second, log) == []
        assert begin_epoch(log, "0" * 32, time.time)[0] > old.last_epoch
    finally:
        second.client.drop_database(second.name)
        first.client.close()
        second.client.close()
