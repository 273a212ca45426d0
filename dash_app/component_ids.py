"""The id of every component that a callback or the live feed names, in one place.

`assets/live.js` knows four of them: PAGE, JOBS_GRID, TRIALS_GRID and JOB_LOG.
"""

from typing import Any

URL = "url"
PAGE = "page"
NAVIGATION = "navigation"
THEME = "theme"
NOTE = "note"
LOG_OUT = "log-out"

HOUSE_QUEUE = "house-queue"
HOUSE_COUNTS = "house-counts"
HOUSE_MACHINES = "house-machines"

JOBS_GRID = "jobs-grid"
JOBS_COUNTS = "jobs-counts"
JOBS_WHERE = "jobs-where"
JOBS_GROUP = "jobs-group"
JOBS_GROUPS = "jobs-groups"
JOBS_SAID = "jobs-said"

#: On the lists of jobs and of sweeps.
LABEL_PROJECT = "label-project"
LABEL_TAG = "label-tag"
#: On the pages of a job and of a sweep.
LABELS = "labels"
LABELS_PROJECT = "labels-project"
LABELS_TAGS = "labels-tags"
LABELS_NOTE = "labels-note"
LABELS_SAVE = "labels-save"

PIPELINE_STATUS = "pipeline-status"
PIPELINE_ACTIONS = "pipeline-actions"
PIPELINE_CANCEL = "pipeline-cancel"
PIPELINE_RETRY = "pipeline-retry"
#: Also on the pages of its steps.
PIPELINE_STEPS = "pipeline-steps"

JOB_STATUS = "job-status"
JOB_ACTIONS = "job-actions"
JOB_FACTS = "job-facts"
JOB_RESULT = "job-result"
JOB_CHARTS = "job-charts"
JOB_ARTIFACTS = "job-artifacts"
JOB_ATTEMPTS = "job-attempts"
JOB_CURVES = "job-curves"
JOB_USAGE = "job-usage"
JOB_LOG = "job-log"
JOB_CANCEL = "job-cancel"
JOB_RETRY = "job-retry"

SWEEPS_GRID = "sweeps-grid"
SWEEP_STATUS = "sweep-status"
SWEEP_ACTIONS = "sweep-actions"
SWEEP_BEST = "sweep-best"
SWEEP_PARALLEL = "sweep-parallel"
SWEEP_CURVES = "sweep-curves"
TRIALS_GRID = "trials-grid"
SWEEP_CANCEL = "sweep-cancel"
SWEEP_PAUSE = "sweep-pause"
SWEEP_RESUME = "sweep-resume"
SWEEP_EXTEND = "sweep-extend"
SWEEP_ANALYSIS = "sweep-analysis"
SWEEP_TABS = "sweep-tabs"
SWEEP_TAB = "sweep-tab"
SWEEP_VALUE = "sweep-value"
SWEEP_X = "sweep-x"
SWEEP_Y = "sweep-y"
SWEEP_METHOD = "sweep-method"
SWEEP_BRUSH = "sweep-brush"
SWEEP_CHOSEN = "sweep-chosen"
SWEEP_COMPARED = "sweep-compared"
SWEEP_COMPARE = "sweep-compare"

SCRIPT_CHOICE = "script-choice"
SCRIPT_FORM = "script-form"
FORM_KEY = "form-key"
FORM_COMMAND = "form-command"
FORM_MORE = "form-more"
FORM_NAME = "form-name"
FORM_MACHINE = "form-machine"
FORM_MEMORY = "form-memory"
FORM_GPUS = "form-gpus"
FORM_RETRIES = "form-retries"
FORM_ENVIRONMENT = "form-environment"
FORM_TRIALS = "form-trials"
FORM_METRIC = "form-metric"
FORM_DIRECTION = "form-direction"
FORM_SAMPLER = "form-sampler"
FORM_PARALLEL = "form-parallel"
FORM_METRIC_2 = "form-metric-2"
FORM_DIRECTION_2 = "form-direction-2"
FORM_METRIC_3 = "form-metric-3"
FORM_DIRECTION_3 = "form-direction-3"
FORM_CONSTRAINTS = "form-constraints"
FORM_PRUNER = "form-pruner"
FORM_PRUNER_OPTIONS = "form-pruner-options"
FORM_STOP = "form-stop"
FORM_SEED = "form-seed"
FORM_ARTIFACTS = "form-artifacts"
FORM_BECOMES = "form-becomes"
FORM_SERVICE = "form-service"
FORM_FUNCTION = "form-function"
FORM_MIN_WARM = "form-min-warm"
FORM_CONCURRENCY = "form-concurrency"
#: What is wrong, field by field, as the preview and the answer to a click say it.
FORM_WRONG = "form-wrong"
FORM_REFUSED = "form-refused"
FORM_EXPECTED = "form-expected"
FORM_CLEAR = "form-clear"
FORM_PREVIEW = "form-preview"
SUBMIT = "submit"
SUBMIT_NOTE = "submit-note"

EVENTS_GRID = "events-grid"

RESULTS_CONTROLS = "results-controls"
RESULTS_FIGURE = "results-figure"
RESULTS_GRID = "results-grid"
#: What is chosen on the Results page, by its name in the address.
RESULTS_CHOICES = {
    name: f"results-{name}"
    for name in ("where", "sweep", "columns", "x", "y", "color", "facet", "kind", "by", "of", "across", "agg")
}

SERVICES = "services"
SERVICE_STATUS = "service-status"
SERVICE_NOW = "service-now"
SERVICE_WORKERS = "service-workers"
SERVICE_VERSIONS = "service-versions"

AUDIT = "audit"

PAIRING = "pairing"
PAIRING_CLOCK = "pairing-clock"
PAIRING_SHOWN = "pairing-shown"
PAIR_START = "pair-start"
PAIR_ALLOW = "pair-allow"
PAIR_REFUSE = "pair-refuse"


TOLD = "told"
TOLD_ADD = "told-add"
TOLD_KIND = "told-kind"
TOLD_NAME = "told-name"
TOLD_WHERE = "told-where"
TOLD_SECRET = "told-secret"  # noqa: S105 - of a field
TOLD_HOST = "told-host"
TOLD_SENDER = "told-sender"
SCHEDULES = "schedules"
SCHEDULE_NAME = "schedule-name"
SCHEDULE_CRON = "schedule-cron"
SCHEDULE_ZONE = "schedule-zone"
SCHEDULE_WHAT = "schedule-what"
SCHEDULE_ADD = "schedule-add"
TAKING_KIND = "taking-kind"
TAKING_NAME = "taking-name"
TAKING_WHAT = "taking-what"
TAKING_TOPIC = "taking-topic"
TAKING_SECRET = "taking-secret"  # noqa: S105 - of a field
TAKING_PARAMETERS = "taking-parameters"
TAKING_ADD = "taking-add"
TOKENS = "tokens"
TOKEN_NAME = "token-name"  # noqa: S105 - of a field
TOKEN_ROLE = "token-role"  # noqa: S105 - of a field
TOKEN_DAYS = "token-days"  # noqa: S105 - of a field
TOKEN_ADD = "token-add"  # noqa: S105 - of a button
INCOMING = "incoming"
TOLD_ABOUT = "told-about"
#: In the order in which callbacks take and give them.
TOLD_FIELDS = (TOLD_KIND, TOLD_NAME, TOLD_WHERE, TOLD_SECRET, TOLD_HOST, TOLD_SENDER, TOLD_ABOUT)
USERS = "users"
KEPT = "kept"
KEPT_SAVE = "kept-save"
KEPT_FIELDS = ("kept-finished", "kept-logs", "kept-grace", "kept-compact")


MODEL_NAME = "model-name"
MODEL_ADD = "model-add"
MODEL_VERSIONS = "model-versions"
JOB_MODELS = "job-models"
JOB_TIMELINE = "job-timeline"


def registered(version: str, do: str) -> dict[str, str]:
    """Return the id of a button of a model's version."""
    return {"registered": version, "do": do}


def registered_all(every: Any) -> dict[str, Any]:
    """Return the pattern of all of these buttons."""
    return {"registered": every, "do": every}


def taken(kind: str, name: str) -> dict[str, str]:
    """Return the id of the button that removes a webhook or topic."""
    return {"taken": kind, "name": name}


def taken_all(every: Any) -> dict[str, Any]:
    """Return the pattern of all of these buttons."""
    return {"taken": every, "name": every}


def token(identity: str) -> dict[str, str]:
    """Return the id of the button that revokes a token."""
    return {"token": identity}


def tokens_all(every: Any) -> dict[str, Any]:
    """Return the pattern of all of these buttons."""
    return {"token": every}


def user(name: str) -> dict[str, str]:
    """Return the id of the button that logs a user out."""
    return {"user": name}


def users_all(every: Any) -> dict[str, Any]:
    """Return the pattern of all of these buttons."""
    return {"user": every}


def told_edited(name: str) -> dict[str, str]:
    """Return the id of the button that brings a notification into the form."""
    return {"edited": name}


def told_edit(every: Any) -> dict[str, Any]:
    """Return the pattern of all of these buttons."""
    return {"edited": every}


def told(name: str, do: str) -> dict[str, str]:
    """Return the id of a button of a notification."""
    return {"told": name, "do": do}


def told_all(every: Any) -> dict[str, Any]:
    """Return the pattern of all of these buttons."""
    return {"told": every, "do": every}


def scheduled(name: str, do: str) -> dict[str, str]:
    """Return the id of a button of a schedule."""
    return {"scheduled": name, "do": do}


def scheduled_all(every: Any) -> dict[str, Any]:
    """Return the pattern of all of these buttons."""
    return {"scheduled": every, "do": every}


def field(name: str, kind: str) -> dict[str, str]:
    """Return the id of the form's field for one argument."""
    return {"field": name, "kind": kind}


def vary(name: str) -> dict[str, str]:
    """Return the id of the tick that varies one argument."""
    return {"vary": name}


def end(which: str, name: str) -> dict[str, str]:
    """Return the id of one end of an argument's range, or of the values that are tried of it."""
    return {"end": which, "of": name}


def log(name: str) -> dict[str, str]:
    """Return the id of the switch of an argument's range that makes it logarithmic."""
    return {"log": name}
