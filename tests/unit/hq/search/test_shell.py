"""The search process against the real authority: whole sweeps, restarts and a broker that goes away."""

import threading
from collections.abc import Iterator

import pytest

from bus.memory_bus import MemoryBus, MemoryHub
from bus.port import Inbound
from bus.topics import REPLY
from hq.core.state import Sweep
from hq.search.samplers import RandomSampler, seed_of
from hq.search.shell import CLIENT, SearchShell
from schemas.requests import SubmitSweep
from schemas.samplers import SamplerOptions
from schemas.specs import FloatRange, IntRange, JobSpec, ScriptRef, SweepSpec
from tests.unit.dash_app.little_house import LittleAgent, LittleHq, eventually

JOB = JobSpec(ScriptRef("0" * 64, "train.py"))
SPACE = {"lr": FloatRange(1e-4, 1, log=True), "n": IntRange(1, 9)}


class Search:
    """The search process as a thread."""

    def __init__(self, hub: MemoryHub) -> None:
        self.shell = SearchShell(MemoryBus(hub, CLIENT))
        self._thread = threading.Thread(target=self.shell.run, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self.shell.stop()
        self._thread.join()


class House:
    def __init__(self, uri: str) -> None:
        self.hub = MemoryHub()
        self.params: list[dict[str, object]] = []
        self.hq = LittleHq(MemoryBus(self.hub, "hq"), uri)
        self.agent = LittleAgent(MemoryBus(self.hub, "attic"), "attic", self._run)
        self.client = MemoryBus(self.hub, "cli")
        self.replies: list[object] = []

    def _run(self, spec: JobSpec) -> dict[str, object]:
        self.params.append({"trial": spec.trial, **spec.params})
        return {"accuracy": 1.0, "loss": (spec.params["n"] - 5) ** 2 + spec.params.get("lr", 0.0)}

    def submit(self, spec: SweepSpec) -> str:
        known = len(self.replies)
        self.client.request(SubmitSweep(sweep=spec, key=f"k{known}"), client="cli", correlation=b"1")
        reply = eventually(lambda: len(self.replies) > known and self.replies[-1])
        assert reply.ok, reply
        return str(reply.result["sweep"])

    def sweep(self, identity: str) -> Sweep | None:
        """Return a running sweep; None once it is exhausted and all its trials ended."""
        return self.hq.authority.state.sweeps.get(identity)


@pytest.fixture
def house(mongodb_uri: str) -> Iterator[House]:
    built = House(mongodb_uri)
    built.hq.start()
    built.client.subscribe(REPLY, client="cli")
    built.client.start(lambda what: built.replies.append(what.data) if isinstance(what, Inbound) else None)
    yield built
    built.agent.stop()
    built.client.stop()
    built.hq.stop()


def expected(identity: str, spec: SweepSpec) -> list[dict[str, object]]:
    trials = RandomSampler().propose(spec.space, seed_of(identity, spec), 0, spec.trials).trials
    return [{"trial": number, **params} for number, params in enumerate(trials)]


def test_a_sweep_runs_to_its_end_with_the_draws_that_follow_from_its_seed(house: House) -> None:
    search = Search(house.hub)
    house.agent.start()
    spec = SweepSpec(JOB, SPACE, trials=23, parallel=4)

    identity = house.submit(spec)

    eventually(lambda: len(house.params) == 23)
    search.stop()
    assert sorted(house.params, key=lambda p: int(str(p["trial"]))) == expected(identity, spec)


def test_a_restarted_search_goes_on_where_it_was_and_proposes_nothing_twice(house: House) -> None:
    spec = SweepSpec(JOB, SPACE, trials=12, parallel=5)
    first = Search(house.hub)
    identity = house.submit(spec)
    eventually(lambda: (found := house.sweep(identity)) and found.proposed == 5)
    first.stop()

    second = Search(house.hub)
    house.agent.start()

    eventually(lambda: len(house.params) == 12)
    second.stop()
    assert sorted(house.params, key=lambda p: int(str(p["trial"]))) == expected(identity, spec)


def test_two_search_processes_propose_nothing_twice(house: House) -> None:
    searches = [Search(house.hub), Search(house.hub)]
    house.agent.start()
    specs = [SweepSpec(JOB, SPACE, trials=15, parallel=3, seed=seed) for seed in range(3)]

    for spec in specs:
        house.submit(spec)

    eventually(lambda: len(house.params) >= 45 and not house.hq.authority.state.jobs)
    for search in searches:
        search.stop()
    assert len(house.params) == 45


def test_a_grid_smaller_than_its_trials_ends(house: House) -> None:
    search = Search(house.hub)
    house.agent.start()

    identity = house.submit(SweepSpec(JOB, {"n": IntRange(1, 3)}, sampler="grid", trials=100))

    eventually(lambda: len(house.params) == 3 and house.sweep(identity) is None)
    search.stop()
    assert [params["n"] for params in house.params] == [1, 2, 3]


def test_a_broker_that_was_away_only_costs_time(house: House) -> None:
    search = Search(house.hub)
    house.hub.go_down()
    house.hub.come_back()
    house.agent.start()

    house.submit(SweepSpec(JOB, SPACE, trials=6, parallel=2))

    eventually(lambda: len(house.params) == 6)
    search.stop()


def test_a_learning_sweep_with_a_seed_is_the_same_again_also_with_a_restart_in_the_middle(
    house: House,
) -> None:
    spec = SweepSpec(
        JOB,
        SPACE,
        "tpe",
        trials=14,
        parallel=1,
        metric="loss",
        direction="minimize",
        seed=3,
        options=SamplerOptions(n_startup_trials=4),
    )
    house.agent.start()
    search = Search(house.hub)
    house.submit(spec)
    eventually(lambda: len(house.params) == 14, 60)
    alone = sorted(house.params, key=lambda p: int(str(p["trial"])))
    house.params.clear()

    house.submit(spec)
    eventually(lambda: len(house.params) >= 5, 60)
    search.stop()
    search = Search(house.hub)
    eventually(lambda: len(house.params) == 14, 60)
    search.stop()

    assert sorted(house.params, key=lambda p: int(str(p["trial"]))) == alone
