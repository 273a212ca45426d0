"""What follows from the trials that the search process proposes."""

from typing import Any

import msgspec
from msgspec.structs import replace

from hq.core.decide.decided import Decided
from hq.core.decide.ids import Ids
from hq.core.decide.lineages import trace_lineages, why_no_lineage
from hq.core.decide.refused import Refused
from hq.core.state import State, Sweep
from schemas.events import AnyEvent, JobSubmitted, SweepExhausted, SweepStuck, TrialProposed
from schemas.requests import Propose
from schemas.specs import JobSpec
from schemas.states import SweepStatus

MAX_PROPOSAL_BYTES = 128 * 1024
MAX_PROPOSED = 200
#: The only principal that may submit trials.
SEARCH = "search"


def decide_proposal(state: State, client: str, request: Propose, ids: Ids) -> Decided:
    """Return the events and the answer of proposed trials.

    Raises:
        Refused: If another one asks than the search process, or the sweep stands elsewhere by now.
    """
    if client != SEARCH:
        raise Refused("not_allowed", "only the search process proposes trials")
    sweep = state.sweeps.get(request.sweep)
    if sweep is None:
        raise Refused("unknown_sweep", f"sweep {request.sweep} has ended or never existed")
    if request.first != sweep.proposed or sweep.exhausted:
        # The search process saw an older position: it reads again and asks anew.
        raise Refused("stale", f"sweep {sweep.id} stands at trial {sweep.proposed}, not {request.first}")
    if sweep.status is SweepStatus.PAUSED or sweep.waits_for or request.changes != sweep.changes:
        raise Refused("stale", f"sweep {sweep.id} waits for others, or was paused or changed meanwhile")
    if sweep.proposed - sweep.added + len(request.trials) > sweep.spec.trials:
        raise Refused("too_many", f"sweep {sweep.id} has {sweep.spec.trials} trials in all")
    size = len(msgspec.json.encode(request.trials))
    if len(request.trials) > MAX_PROPOSED or size > MAX_PROPOSAL_BYTES:
        raise Refused(
            "too_big", f"propose at most {MAX_PROPOSED} trials in {MAX_PROPOSAL_BYTES} bytes at once"
        )
    if why := why_no_lineage(state, sweep, request):
        raise Refused("bad_descents", why)
    lineages = trace_lineages(state, sweep, request)
    events: list[AnyEvent] = []
    jobs: list[str] = []
    if request.why and not request.trials and request.why != sweep.why:
        events.append(SweepStuck(sweep.id, request.why))
    for trial, params in enumerate(request.trials, start=request.first):
        jobs.append(ids.make("j"))
        index = trial - request.first
        descent = request.descents[index] if request.descents else None
        spec = describe_trial(sweep, trial, params)
        if lineages:
            spec = replace(spec, lineage=lineages[index])
        events.append(TrialProposed(sweep.id, trial, jobs[-1], params, descent=descent))
        events.append(JobSubmitted(jobs[-1], spec, sweep.submitter))
    total = sweep.proposed + len(request.trials)
    if request.exhausted or total - sweep.added >= sweep.spec.trials:
        events.append(SweepExhausted(sweep.id, total))
    return events, {"sweep": sweep.id, "jobs": jobs}


def describe_trial(sweep: Sweep, trial: int, params: dict[str, Any]) -> JobSpec:
    """Return the job of one trial."""
    return replace(
        sweep.spec.job,
        params={**sweep.spec.job.params, **params},
        sweep=sweep.id,
        trial=trial,
        after=(),
        after_any=(),
        name=sweep.spec.job.name or f"{sweep.spec.name or sweep.id} {trial}"[:200],
    )
