"""Whether there are the secrets that jobs ask for."""

from collections.abc import Callable, Collection

from hq.core.decide.refused import Refused
from hq.core.decide.waiting import specs_in
from schemas.pipelines import Step
from schemas.requests import AddSchedule, Change, DeployService
from schemas.schedules import ScheduleSpec
from schemas.specs import JobSpec


def jobs_of(schedule: ScheduleSpec) -> tuple[JobSpec, ...]:
    """Return the jobs that a schedule submits, those of sweeps and steps included."""
    steps = schedule.pipeline.steps if schedule.pipeline is not None else ()
    all_of: tuple[ScheduleSpec | Step, ...] = (schedule, *steps)
    jobs = (one.job if one.sweep is None else one.sweep.job for one in all_of)
    return tuple(job for job in jobs if job is not None)


def check_secrets(request: Change, read_known: Callable[[], Collection[str]]) -> None:
    """Check that there are the secrets that a request's jobs ask for, as long as it can be put right.

    Raises:
        Refused: Naming those that there are not.
    """
    specs = specs_in(request)
    if isinstance(request, DeployService):
        specs = (request.service.job,)
    if isinstance(request, AddSchedule):
        schedule = request.schedule
        specs = jobs_of(schedule)
    asked = {name for spec in specs for name in spec.secrets}
    if not asked:
        return
    missing = sorted(asked.difference(read_known()))
    if missing:
        names = ", ".join(missing)
        raise Refused(
            "unknown_secret",
            f"there is no secret {names}: `idlehands secret set NAME` on the HQ host keeps one",
        )
