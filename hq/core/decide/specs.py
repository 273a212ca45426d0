"""What types alone do not say of the specs of jobs and sweeps: whether they can be run like this."""

import msgspec
from msgspec.structs import replace

from hq.core.decide.arguments import why_not_signed, why_space_not_signed
from hq.core.decide.early import why_not_early
from hq.core.decide.refused import Refused
from schemas.calls import CALL_ENTRY
from schemas.objectives import objectives_of
from schemas.paths import is_path_below
from schemas.searches import MAX_SEARCH_BYTES, SearchError, check_search
from schemas.spaces import SpaceError
from schemas.specs import JobSpec, SweepSpec

#: A grant carries the whole spec in one message.
MAX_SPEC_BYTES = 200 * 1024
#: Some hundred trials, each with its own copy of the spec, must fit one decision.
MAX_SWEEP_JOB_BYTES = 4 * 1024
MAX_SPACE_BYTES = 128 * 1024


def check_job(spec: JobSpec) -> None:
    """Return if a job can be run like this, and its author has signed that.

    Raises:
        Refused: If not.
    """
    check_spec(spec)
    if why := why_not_signed(spec):
        raise Refused("bad_spec", f"the script cannot be run like this: {why}")


def check_spec(spec: JobSpec) -> None:
    """Return if a job can be run like this.

    Raises:
        Refused: If it cannot.
    """
    if spec.asked:
        raise Refused("bad_spec", "asked is for sweeps: nobody could ask for a job that is in none")
    if spec.lineage is not None:
        raise Refused("bad_spec", "lineage is set by HQ: submit a sweep with the sampler pbt instead")
    if spec.serves is not None:
        raise Refused("bad_spec", "serves is set by HQ: deploy a service instead")
    if spec.pipeline is not None:
        raise Refused("bad_spec", "pipeline is set by HQ: submit a pipeline instead")
    if spec.sweep is not None or spec.trial is not None:
        raise Refused("bad_spec", "sweep and trial are set by HQ: submit a sweep instead")
    entry = spec.script.entry
    parts = entry.split("/")
    # A colon is a drive or a stream on Windows; what cannot be seen lies about what is run.
    if {"", ".", ".."} & set(parts) or parts[0] == ".idlehands" or set("\\:") & set(entry):
        raise Refused("bad_spec", f"entry {entry!r} must be a path inside the bundle, such as src/train.py")
    if not entry.isprintable():
        raise Refused("bad_spec", f"entry {entry!r} must be a path inside the bundle, of visible characters")
    if parts[-1] == CALL_ENTRY and spec.script.signature is None:
        # It runs whatever its parameters say: the house's own word for it would be one for everything.
        raise Refused(
            "unsigned_call",
            "a pickled call is run on its author's word only: sign it with an author's key, as the Python "
            "client does",
        )
    for glob in spec.artifacts:
        if not is_path_below(glob):
            raise Refused(
                "bad_spec", f"artifacts: {glob!r} must be a glob below the script, such as out/*.png"
            )
    size = len(msgspec.json.encode(spec))
    if size > MAX_SPEC_BYTES:
        raise Refused("too_big", f"the spec has {size} bytes, at most {MAX_SPEC_BYTES}: send data as a blob")


def check_sweep(spec: SweepSpec) -> None:
    """Check what types alone do not say of a sweep.

    Raises:
        Refused: With what is wrong and how it would be right.
    """
    check_spec(replace(spec.job, asked=False))
    if spec.job.asked and not objectives_of(spec):
        raise Refused("bad_spec", "a loop that tells values needs a metric or objectives: name them")
    if why := why_not_early(spec):
        raise Refused("bad_spec", why)
    space = len(msgspec.json.encode(spec.space))
    if space > MAX_SPACE_BYTES:
        raise Refused("too_big", f"the space has {space} bytes, at most {MAX_SPACE_BYTES}")
    size = len(msgspec.json.encode(spec.job))
    if size > MAX_SWEEP_JOB_BYTES:
        raise Refused("too_big", f"a sweep's job has {size} bytes, at most {MAX_SWEEP_JOB_BYTES}")
    search = len(msgspec.json.encode((spec.tries, spec.past)))
    if search > MAX_SEARCH_BYTES:
        raise Refused(
            "too_big", f"tries and past have {search} bytes, at most {MAX_SEARCH_BYTES}: leave some out"
        )
    if why := why_space_not_signed(spec):
        raise Refused("bad_spec", f"the script cannot be run like this: {why}")
    try:
        check_search(spec)
    except SpaceError as error:
        raise Refused("bad_space", str(error)) from None
    except SearchError as error:
        raise Refused("bad_spec", str(error)) from None
