"""What signatures and TLS cost: the arithmetic alone, jobs with and without, and a message's way.

Two houses run at once and take turns, job by job and batch by batch, so that
what else the machine does hits both alike. One of them is changed by
`benchmarks/bare`: nothing is signed and checked there. TLS is compared on two
brokers, with messages of the same client.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from benchmarks.figures import Figure
from benchmarks.history import WrongHistory
from benchmarks.plain_broker import measure_way
from benchmarks.setting import Effort, agent_names, connected, own_agent, wait_agents
from bus.codec import decode, encode
from bus.port import Inbound
from bus.signing import KeyFile, Signed, check_signature
from bus.topics import GRANT, JOB_EVENT, RESULT
from hq.trusting import HouseAuthor
from idlehands.bundle import build_bundle
from idlehands.client import Client, Feed
from idlehands.house.components import AgentOptions
from idlehands.house.furnish import furnish
from idlehands.house.home import open_home
from idlehands.house.running import RunningHouse, start_house
from schemas.events import JobSucceeded
from schemas.facts import AttemptResult
from schemas.messages import Grant, Grants, Results
from schemas.specs import JobSpec, Needs, ScriptRef
from schemas.states import Outcome
from trust.keys import ensure_signing_key, key_id, public_hex
from trust.scripts import read_statement

_BARE = {"PYTHONPATH": str(Path(__file__).parent / "bare")}
_JOBS = 200
_SCRIPTS = 40
_JOB = "jaaaaaaaaaaaa"


def measure(effort: Effort) -> list[Figure]:
    """Return the costs, and the same figures with and without what costs."""
    figures = _measure_arithmetic(effort)
    with (
        TemporaryDirectory(prefix="idlehands-bench-", ignore_cleanup_errors=True) as folder,
        _house(Path(folder) / "signed", {}) as signed,
        _house(Path(folder) / "bare", _BARE) as bare,
    ):
        with connected(signed) as one, connected(bare) as other:
            clients = {"signed": one, "unsigned": other}
            figures += _measure_jobs(effort, clients, agent_names(signed.home), Path(folder))
        _check_bare(signed, bare=False)
        _check_bare(bare, bare=True)
        figures += measure_way(signed.home, Path(folder) / "plain", effort.jobs(400) * effort.repeats)
    return figures


@contextmanager
def _house(path: Path, environment: dict[str, str]) -> Iterator[RunningHouse]:
    """Hold a house with two agents: the first runs scripts, the second succeeds at once."""
    home = open_home(path)
    _, second = furnish(home, agents=2)
    with (
        start_house(path, AgentOptions(1, 2), environment=environment) as house,
        own_agent(home, second, environment=environment),
        connected(house) as client,
    ):
        wait_agents(client, 2)
        yield house


def _measure_arithmetic(effort: Effort) -> list[Figure]:
    with TemporaryDirectory() as folder:
        key = ensure_signing_key(Path(folder) / "sign.key")
        signer, author = KeyFile(Path(folder) / "sign.key"), HouseAuthor(key)
        keys = {key_id(public_hex(key)): public_hex(key)}
        spec = JobSpec(ScriptRef("a" * 64, "train.py"), {"lr": 0.1, "layers": [64, 32]})
        grants = author.sign_grants(Grants(1, (Grant(_JOB, 1, "attic", 1, "b" * 32, 30.0, spec),)))
        results = Results(1, (AttemptResult(_JOB, 1, Outcome.SUCCEEDED, 0, {"accuracy": 0.97}),))
        signature = grants.grants[0].spec.script.signature
        assert signature is not None

        def write(signs: KeyFile | None) -> bytes:
            encode(RESULT, results, message_id="m", source="s", signer=signs)
            return encode(GRANT, grants, message_id="m", source="s", signer=signs)

        def read(payload: bytes, check: Callable[[Signed], None] | None) -> None:
            decode(GRANT, payload, check=check)

        signed, check = write(signer), partial(check_signature, keys=keys)
        steps: dict[str, Callable[[], object]] = {
            "write grant and result, unsigned": partial(write, None),
            "write grant and result, signed": partial(write, signer),
            "read a grant, unchecked": partial(read, signed, None),
            "read a grant, checked": partial(read, signed, check),
            "an author's word, once a script": partial(
                read_statement, public_hex(key), signature.statement, signature.signature
            ),
        }
        return [
            Figure(f"signatures: {name}", "us", _time(step, effort.jobs(1000)))
            for name, step in steps.items()
        ]


def _time(step: Callable[[], object], count: int) -> tuple[float, ...]:
    step()
    found = []
    for _ in range(count):
        began = time.perf_counter()
        step()
        found.append((time.perf_counter() - began) * 1e6)
    return tuple(found)


def _measure_jobs(
    effort: Effort, clients: dict[str, Client], agents: list[str], folder: Path
) -> list[Figure]:
    script = folder / "nothing.py"
    script.write_text("print('{}')\n")
    bundle = build_bundle(script)
    latency: dict[str, list[float]] = {name: [] for name in clients}
    rate: dict[str, list[float]] = {name: [] for name in clients}
    for client in clients.values():
        client.put_blob(bundle.content)
    script_job, no_op = (
        JobSpec(ScriptRef(bundle.sha256, bundle.entry, name="nothing"), needs=Needs(agent=agent))
        for agent in agents
    )
    with clients["signed"].watch((JOB_EVENT, {})) as one, clients["unsigned"].watch((JOB_EVENT, {})) as other:
        feeds = {"signed": one, "unsigned": other}
        for name, client in clients.items():
            client.ping()
            _run(client, feeds[name], [script_job, no_op] * 10)
        for _ in range(effort.jobs(_JOBS) * effort.repeats):
            for name, client in clients.items():
                latency[name].append(_run(client, feeds[name], [no_op]) * 1000)
        count = effort.jobs(_SCRIPTS)
        for _ in range(effort.repeats):
            for name, client in clients.items():
                rate[name].append(count / _run(client, feeds[name], [script_job] * count))
    added = tuple(a - b for a, b in zip(latency["signed"], latency["unsigned"], strict=True))
    lost = 100 * (1 - statistics.median(rate["signed"]) / statistics.median(rate["unsigned"]))
    return [
        *(Figure(f"signatures: submit to result, {name}", "ms", tuple(all)) for name, all in latency.items()),
        Figure("signatures: added to submit to result", "ms", added, "< 2"),
        *(
            Figure(f"signatures: many script jobs, {name}", "jobs/s", tuple(all))
            for name, all in rate.items()
        ),
        Figure("signatures: of the rate is lost", "%", (lost,), "< 10"),
    ]


def _run(client: Client, feed: Feed, specs: list[JobSpec]) -> float:
    """Return how long it took from submitting jobs to hearing of the last success."""
    began = time.perf_counter()
    left = set(client.submit(specs).jobs)
    while left:
        what = feed.get(30)
        if what is None:
            raise WrongHistory(f"no news of {len(left)} jobs: {client.explain(left.pop())}")
        if isinstance(what, Inbound) and isinstance(what.data.event, JobSucceeded):
            left.discard(what.names["job"])
    return time.perf_counter() - began


def _check_bare(house: RunningHouse, *, bare: bool) -> None:
    """See that signatures are in one house and not in the other: by the library that agents load for them.

    Raises:
        WrongHistory: If it is the other way round.
    """
    for part in house.status().components:
        if part.name.startswith("agent-") and part.pid is not None:
            loaded = "cryptography" in Path(f"/proc/{part.pid}/maps").read_text()
            if loaded is bare:
                raise WrongHistory(
                    f"{part.name} {'signs' if loaded else 'does not sign'}: not what is compared"
                )
