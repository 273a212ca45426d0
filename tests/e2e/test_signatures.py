"""Signatures on a real house: who has HQ's place at the broker still runs nothing and makes up nothing.

The attacker here has HQ's certificate and key, which may write on every topic,
but not the key that HQ signs with: as whoever owns the broker, or stole that
certificate.
"""

import json
import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from bus import topics
from bus.paho_bus import PahoBus
from bus.port import BusInput, Connected, Inbound
from bus.settings import BusSettings
from bus.signing import KeyFile, Signer
from idlehands.bundle import build_bundle
from idlehands.house.running import RunningHouse
from schemas.facts import AttemptResult
from schemas.messages import Claims, Grant, Grants, Results
from schemas.specs import JobSpec, Needs, ScriptRef
from schemas.states import Outcome
from schemas.trust import TrustList
from tests.e2e.workplace import Workplace
from tests.fixtures import commands
from tests.fixtures.broker import eventually

MARK = 'import pathlib, sys\npathlib.Path(sys.argv[1]).write_text("ran")\nprint("{}")\n'


@pytest.fixture(scope="module")
def agents(house: RunningHouse) -> list[str]:
    """The names of the agents."""
    return sorted(path.name for path in (house.home.path / "agents").iterdir())


@contextmanager
def in_hqs_place(
    house: RunningHouse, signer: Signer | None = None
) -> Iterator[tuple[PahoBus, list[Inbound]]]:
    """Yield a connection with HQ's rights at the broker, and what agents say to HQ."""
    settings = BusSettings.parse(house.home.broker_address, house.home.service("hq"))
    bus = PahoBus(settings, signer=signer)
    heard: list[BusInput] = []
    for topic in (topics.CLAIM, topics.HEARTBEAT):
        bus.subscribe(topic)
    bus.start(heard.append)
    try:
        eventually(lambda: any(isinstance(what, Connected) for what in heard), 60)
        yield bus, heard  # type: ignore[misc]
    finally:
        bus.stop()


def refusals(work: Workplace, agent: str) -> dict[str, int]:
    """Return what an agent refused in HQ's name, as HQ's status tells it."""
    (row,) = [row for row in work.client.status()["agents"] if row["agent"] == agent]
    return dict(row.get("refused", {}))


def cli(house: RunningHouse, *words: str, check: bool = True) -> "subprocess.CompletedProcess[str]":
    """Run a command of the command line on the HQ host."""
    done = subprocess.run(
        [*commands.idlehands(), *words],
        env={**os.environ, "IDLEHANDS_HOME": str(house.home.path)},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def test_who_has_hqs_place_at_the_broker_starts_nothing(
    house: RunningHouse, work: Workplace, agents: list[str], tmp_path: Path
) -> None:
    evil = tmp_path / "evil.py"
    evil.write_text(MARK)
    mark = tmp_path / "ran"
    bundle = build_bundle(evil)
    script = ScriptRef(work.client.put_blob(bundle.content), bundle.entry)
    victim = agents[0]
    # What the attacker signs with is a good key, but nobody's whom the agent trusts.
    key = KeyFile(house.home.client("cli") / "sign.key")

    with in_hqs_place(house, key) as (bus, heard):

        def claims() -> list[Claims]:
            return [
                what.data
                for what in heard
                if isinstance(what, Inbound) and what.topic is topics.CLAIM and what.names["agent"] == victim
            ]

        (job,) = work.submit(1, 0.0, tag="race", needs=Needs(agent=victim))
        eventually(lambda: bool(claims()), 60)
        for claimed in claims():
            grants = tuple(
                Grant(
                    *(claim.job, claim.token, victim, claimed.boot, claim.nonce, 30.0),
                    JobSpec(script, {"out": str(mark)}, arguments="positional"),
                )
                for claim in claimed.claims
            )
            bus.publish(topics.GRANT, Grants(2**32, grants), agent=victim)
        eventually(lambda: refusals(work, victim).get("unknown_signer", 0) > 0, 60)

    # Once nobody plays HQ any more, the job is done: at the latest after a while in which nobody is trusted.
    assert work.wait_final([job], 120) == {job: "succeeded"}
    assert not mark.exists()


def test_an_owned_agent_cannot_report_for_another(
    house: RunningHouse, work: Workplace, agents: list[str]
) -> None:
    owned, honest = agents
    before = work.client.status()["refused"].get("unknown_signer", 0)
    (job,) = work.submit(1, 3600.0, tag="long", needs=Needs(agent=honest))
    (entry,) = work.wait_begun([job])

    def results() -> Results:
        made_up = AttemptResult(job, entry.token, Outcome.SUCCEEDED, 0, {"accuracy": 1.0})
        return Results(1, (made_up,))

    with in_hqs_place(house, KeyFile(house.home.agent(owned) / "sign.key")) as (bus, _):
        bus.publish(topics.RESULT, results(), agent=honest)
        eventually(lambda: work.client.status()["refused"].get("unknown_signer", 0) > before, 60)
    with in_hqs_place(house) as (bus, _):
        bus.publish(topics.RESULT, results(), agent=honest)
        eventually(lambda: work.client.status()["refused"].get("unsigned", 0) > 0, 60)

    assert work.status(job) == "running"
    work.client.cancel([job])
    assert work.wait_final([job]) == {job: "cancelled"}


def test_an_agent_whose_key_hq_does_not_know_gets_its_results_in_nowhere_until_it_is_known(
    house: RunningHouse, work: Workplace, agents: list[str]
) -> None:
    registry = house.home.service("hq") / "principals.json"
    entered = registry.read_bytes()
    rows = json.loads(entered)
    before = work.client.status()["refused"].get("unknown_signer", 0)
    for row in rows:
        if row["name"] == agents[0]:
            row["signing_key"] = ""
    _replace(registry, json.dumps(rows).encode())
    try:
        (job,) = work.submit(1, 0.0, tag="keyless", needs=Needs(agent=agents[0]))
        eventually(lambda: work.client.status()["refused"].get("unknown_signer", 0) > before, 120)
        assert work.status(job) == "running"
        assert "issue" in (house.home.logs / "hq.log").read_text()
    finally:
        _replace(registry, entered)

    # It is still in the agent's spool: nothing is lost.
    assert work.wait_final([job]) == {job: "succeeded"}


def _replace(file: Path, content: bytes) -> None:
    new = file.with_name("new")
    new.write_bytes(content)
    new.replace(file)


def test_an_author_away_from_hq_is_trusted_by_who_wants_to(
    house: RunningHouse, work: Workplace, agents: list[str], tmp_path: Path
) -> None:
    key, script, mark = tmp_path / "olga.key", tmp_path / "work.py", tmp_path / "ran"
    script.write_text(MARK)
    public = cli(house, "sign", "--init", "--author-key", str(key)).stdout.strip()
    folder = house.home.agent(agents[0])
    here = ("--certificate", str(folder))
    words = ("--agent", agents[0], "--author-key", str(key), str(script), "--", str(mark))

    job = cli(house, "submit", *words).stdout.strip()
    eventually(lambda: "does not trust the author" in work.client.explain(job), 120)
    assert not mark.exists()
    assert work.status(job) == "queued"
    cli(house, "trust", "author", "add", "olga", public, *here)

    assert work.wait_final([job]) == {job: "succeeded"}
    assert mark.read_text() == "ran"
    assert [row["submitter"] for row in [work.client.job(job)]] == ["cli"]
    cli(house, "trust", "author", "remove", "olga", *here)


def test_in_the_mode_listed_only_listed_scripts_run_also_of_the_house(
    house: RunningHouse, work: Workplace, agents: list[str], tmp_path: Path
) -> None:
    here = ("--certificate", str(house.home.agent(agents[0])))
    script, mark = tmp_path / "work.py", tmp_path / "ran"
    script.write_text(MARK)
    cli(house, "trust", "mode", "listed", *here)
    try:
        job = cli(house, "submit", "--agent", agents[0], str(script), "--", str(mark)).stdout.strip()
        eventually(lambda: "listed scripts only" in work.client.explain(job), 120)
        cli(house, "trust", "allow", str(script), *here)
        assert work.wait_final([job]) == {job: "succeeded"}
    finally:
        cli(house, "trust", "mode", "signed", *here)
    rules: dict[str, Any] = json.loads((house.home.agent(agents[0]) / "trust.json").read_text())
    assert rules["allowed"] == [build_bundle(script).sha256]


def test_a_denied_script_never_runs(
    house: RunningHouse, work: Workplace, agents: list[str], tmp_path: Path
) -> None:
    script, mark = tmp_path / "denied.py", tmp_path / "ran"
    script.write_text(MARK)
    cli(house, "trust", "deny", str(script))

    job = cli(house, "submit", str(script), "--", str(mark)).stdout.strip()

    # No machine of the house will: each declined once, and HQ says so.
    eventually(lambda: work.client.explain(job).count("has denied this script") == len(agents), 120)
    assert not mark.exists()
    work.client.cancel([job])


def test_a_certificate_folder_of_before_says_what_to_do(house: RunningHouse, tmp_path: Path) -> None:
    folder = tmp_path / "attic"
    cli(house, "cert", "issue", "attic", "--role", "agent", "--out", str(folder))
    rules = json.loads((folder / "trust.json").read_text())
    assert [author["name"] for author in rules["authors"]] == ["house"]

    for missing in ("trust.json", "sign.key"):
        kept = (folder / missing).read_bytes()
        (folder / missing).unlink()
        done = cli(
            house,
            *("agent", "--broker", house.home.broker_address, "--certificate", str(folder)),
            check=False,
        )
        assert done.returncode == 1
        assert f"{missing} is missing" in done.stderr
        assert "cert issue" in done.stderr
        (folder / missing).write_bytes(kept)


def test_the_rules_of_a_new_agent_are_those_of_its_house(house: RunningHouse, agents: list[str]) -> None:
    for agent in agents:
        rules = msgspec.json.decode((house.home.agent(agent) / "trust.json").read_bytes(), type=TrustList)
        assert replace(rules, denied=(), allowed=()).scripts == "signed"
        assert len(rules.hq) == 1
