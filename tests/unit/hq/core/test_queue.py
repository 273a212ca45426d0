"""Which job comes next: priority and age, then fair shares, then order; and who must wait."""

import random
from collections import Counter
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from hq.core.queue import AGEING_SECONDS, Apart, JobQueue, Kind, script_of
from hq.core.state import Job
from schemas.specs import Needs, ScriptRef
from schemas.states import JobStatus
from tests.unit.hq.core.small_house import spec


def job(order: int, submitter: str = "cli", sweep: str | None = None, **fields: object) -> Job:
    return Job(
        id=f"j{order}",
        spec=spec(sweep=sweep, **fields),
        submitter=submitter,
        status=JobStatus.QUEUED,
        position=1,
        revision=1,
        order=order,
        submitted_at=0,
    )


def filled(*jobs: Job, now: float = 0.0) -> JobQueue:
    queue = JobQueue()
    for one in jobs:
        queue.add(one, now)
    return queue


def anything(_: Kind) -> bool:
    return True


def idle(_: str) -> int:
    return 0


def drain(queue: JobQueue, now: float = 0.0, running: Callable[[str], int] = idle) -> list[str]:
    found = []
    while (chosen := queue.choose(anything, running, now)) is not None:
        queue.remove(chosen)
        found.append(chosen)
    return found


def test_a_higher_priority_goes_first_then_who_came_first() -> None:
    queue = filled(job(3, priority=1), job(1), job(2, priority=-1), job(4, priority=1), job(5))

    assert drain(queue) == ["j3", "j4", "j1", "j5", "j2"]


@pytest.mark.parametrize(
    ("waited", "first"),
    [(AGEING_SECONDS - 1, "j2"), (AGEING_SECONDS, "j1"), (AGEING_SECONDS + 1, "j1")],
)
def test_waiting_long_enough_raises_the_priority_by_one(waited: float, first: str) -> None:
    queue = JobQueue()
    queue.add(job(1, "anna", priority=0), 0)
    queue.add(job(2, "bert", priority=1), waited)

    # Equal after ageing; then order decides.
    assert queue.choose(anything, idle, waited) == first


def test_nothing_waits_for_ever_behind_a_stream_of_higher_priority() -> None:
    queue = JobQueue()
    queue.add(job(0, "anna", priority=-5), 0)

    for second in range(1, 4000):
        queue.add(job(second, "bert", priority=0), float(second))
        chosen = queue.choose(anything, idle, float(second))
        assert chosen is not None
        queue.remove(chosen)
        if chosen == "j0":
            break
    else:
        pytest.fail("it starved")
    assert second <= 6 * AGEING_SECONDS


def test_of_equal_priority_the_party_with_fewer_running_jobs_goes_first() -> None:
    queue = filled(job(1, "anna"), job(2, "bert"))

    assert queue.choose(anything, Counter(anna=1, bert=1).__getitem__, 0) == "j1"
    assert queue.choose(anything, Counter(anna=2, bert=1).__getitem__, 0) == "j2"
    assert queue.choose(anything, Counter(anna=0, bert=1).__getitem__, 0) == "j1"


def test_a_sweep_is_a_party_of_its_own_beside_its_submitters_jobs() -> None:
    sweep = "s" + "a" * 12
    queue = filled(*(job(i, sweep=sweep, trial=i) for i in range(10)), job(10), job(11))
    running: Counter[str] = Counter()
    order = []
    while (chosen := queue.choose(anything, running.__getitem__, 0)) is not None:
        queue.remove(chosen)
        order.append(chosen)
        running[sweep if chosen not in ("j10", "j11") else "cli"] += 1

    assert order[:4] == ["j0", "j10", "j1", "j11"]


def test_only_jobs_that_fit_are_chosen() -> None:
    queue = filled(job(1, needs=Needs(gpus=1)), job(2))

    assert queue.choose(lambda needs: needs.gpus == 0, idle, 0) == "j2"
    assert queue.choose(lambda needs: False, idle, 0) is None
    assert set(queue.kinds()) == {Needs(gpus=1), Needs()}


@pytest.mark.parametrize(("early", "there"), [(0.001, False), (0, True), (-0.001, True)])
def test_a_delayed_job_is_chosen_from_its_time_on(early: float, there: bool) -> None:
    queue = JobQueue()
    queue.add(job(1), 0, ready_at=10)
    assert queue.is_delayed("j1")
    assert "j1" in queue
    assert queue.next_wake() == 10

    queue.wake(10 - early)

    assert (queue.choose(anything, idle, 10) == "j1") == there
    assert queue.is_delayed("j1") != there


def test_a_time_that_has_come_is_no_delay() -> None:
    queue = JobQueue()

    queue.add(job(1), 10, ready_at=10)

    assert not queue.is_delayed("j1")


def test_a_job_that_was_delayed_anew_wakes_once_and_at_the_later_time() -> None:
    queue = JobQueue()
    queue.add(job(1), 0, ready_at=5)
    queue.add(job(1), 0, ready_at=20)

    queue.wake(6)
    assert queue.choose(anything, idle, 6) is None
    queue.wake(20)

    assert drain(queue) == ["j1"]


def test_a_job_taken_out_while_delayed_never_wakes() -> None:
    queue = JobQueue()
    queue.add(job(1), 0, ready_at=5)

    queue.remove("j1")
    queue.remove("j1")
    queue.wake(10)

    assert len(queue) == 0
    assert "j1" not in queue
    assert queue.choose(anything, idle, 10) is None


def test_what_nobody_waits_in_any_more_is_forgotten_also_if_no_machine_fits() -> None:
    queue = JobQueue()
    for i in range(1000):
        queue.add(job(i, f"user-{i}", needs=Needs(gpus=i % 64)), 0)
        queue.remove(f"j{i}")

    assert list(queue.kinds()) == []
    assert not queue._sizes


def test_jobs_that_come_and_go_beside_one_that_waits_leave_little_behind() -> None:
    queue = filled(job(0, needs=Needs(gpus=9)))
    for i in range(1, 1000):
        queue.add(job(i, needs=Needs(gpus=9)), 0)
        queue.add(job(i, needs=Needs(gpus=9)), 0)
        queue.remove(f"j{i}")
        queue.add(job(i), 0, ready_at=1e9)
        queue.remove(f"j{i}")

    (heap,) = queue._lanes[Needs(gpus=9)].values()
    assert len(heap) < 100
    assert len(queue._delayed) < 100
    assert drain(queue) == ["j0"]


@given(st.integers(0, 2**32), st.integers(1, 60))
def test_the_queue_agrees_with_a_list_that_is_sorted(seed: int, steps: int) -> None:
    chance = random.Random(seed)
    queue = JobQueue()
    model: dict[str, tuple[Job, float]] = {}
    delayed: dict[str, tuple[Job, float]] = {}
    running: Counter[str] = Counter()
    now = 0.0
    for order in range(steps):
        now += chance.choice([0.0, 1.0, AGEING_SECONDS / 2])
        ready = [name for name, (_, at) in delayed.items() if at <= now]
        queue.wake(now)
        for name in ready:
            model[name] = (delayed.pop(name)[0], now)
        pick = chance.random()
        if pick < 0.5:
            new = job(order, chance.choice(["anna", "bert"]), priority=chance.choice([-1, 0, 1]))
            wait = chance.choice([0.0, 0.0, 10.0])
            queue.add(new, now, now + wait)
            (delayed if wait else model)[new.id] = (new, now + wait)
        elif pick < 0.6 and (model or delayed):
            name = chance.choice([*model, *delayed])
            queue.remove(name)
            model.pop(name, None)
            delayed.pop(name, None)
        else:
            chosen = queue.choose(anything, running.__getitem__, now)
            assert chosen == _best(model, running, now)
            if chosen is not None:
                queue.remove(chosen)
                running[model.pop(chosen)[0].submitter] += 1
    assert len(queue) == len(model)


def _best(model: dict[str, tuple[Job, float]], running: Counter[str], now: float) -> str | None:
    """The rule in one line: of each lane only the oldest job stands for election."""
    heads: dict[tuple[int, str], Job] = {}
    for one, _ in model.values():
        lane = (one.spec.priority, one.submitter)
        if lane not in heads or one.order < heads[lane].order:
            heads[lane] = one
    ranked = sorted(
        heads.values(),
        key=lambda j: (
            -(j.spec.priority + int((now - model[j.id][1]) / AGEING_SECONDS)),
            running[j.submitter],
            j.order,
        ),
    )
    return ranked[0].id if ranked else None


def test_a_script_set_apart_is_a_kind_of_its_own() -> None:
    other = ScriptRef("1" * 64, "other.py")
    refused, wanted = job(1), job(2)
    wanted = replace(wanted, spec=replace(wanted.spec, script=other))
    queue = filled(refused, wanted)

    queue.set_apart(script_of(refused.spec.script), {one.id: one for one in (refused, wanted)})

    assert set(queue.kinds()) == {Needs(), Apart(Needs(), script_of(refused.spec.script))}
    assert queue.choose(lambda kind: isinstance(kind, Needs), Counter().__getitem__, 1.0) == "j2"
    assert queue.choose(anything, Counter().__getitem__, 1.0) == "j1"
    queue.remove("j1")
    assert list(queue.kinds()) == [Needs()]


def test_a_job_set_apart_keeps_its_age_and_later_ones_join_it() -> None:
    old, young = job(2), job(1, submitter="olga")
    queue = filled(old)
    script = script_of(old.spec.script)

    queue.set_apart(script, {old.id: old})
    queue.add(young, AGEING_SECONDS)

    assert list(queue.kinds()) == [Apart(Needs(), script)]
    # A whole step older: before the one that was submitted first.
    assert queue.choose(lambda _kind: True, Counter().__getitem__, AGEING_SECONDS) == "j2"
    assert len(queue) == 2


def test_the_scripts_set_apart_are_bounded() -> None:
    queue = JobQueue()

    for number in range(700):
        queue.set_apart(f"script {number}", {})

    assert len(queue._apart) == 500
