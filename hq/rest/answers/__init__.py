"""What each route answers, for the OpenAPI document: a Struct for the name of each operation.

A new route adds its own here; `tests/unit/dash_app/test_every_route.py` holds
what the server answers against it.
"""

from typing import Any

import msgspec

from hq.rest.answers import house, jobs, outside, pipelines, schedules, services, stored, sweeps
from hq.rest.bodies import BODIES

_REF = "#/components/schemas/{name}"
_JOBS_CHANGED = ("delete_job", "cancel_job", "hold_job", "release_job", "retry_job", "submit_jobs")
_SWEEP_CHANGED = (
    *("submit_sweep", "delete_sweep", "cancel_sweep", "pause_sweep", "resume_sweep", "change_sweep"),
    *("finish_sweep", "add_trials"),
)

_SCHEDULE_CHANGED = (
    *("add_schedule", "remove_schedule", "pause_schedule", "resume_schedule", "run_schedule"),
)

#: By the operation's id; those that answer no JSON are in `PLAIN`.
ANSWERS: dict[str, type[Any]] = {
    **dict.fromkeys(_JOBS_CHANGED, jobs.JobsChanged),
    **dict.fromkeys(_SWEEP_CHANGED, sweeps.SweepAnswered),
    "healthz": house.Ok,
    "readyz": house.Ready,
    "list_jobs": jobs.JobPage,
    "get_job": jobs.JobDetail,
    "get_logs": jobs.LogPage,
    "get_progress": jobs.Points,
    "get_why": jobs.Why,
    "list_results": jobs.ResultPage,
    "list_events": jobs.EventPage,
    "list_audit": jobs.AuditPage,
    "analyse_sweep": jobs.Analysis,
    "find_importance": jobs.Importance,
    "list_sweeps": sweeps.SweepPage,
    "get_sweep": sweeps.SweepDetail,
    "list_trials": sweeps.TrialPage,
    "ask_trial": sweeps.TrialAsked,
    "tell_trial": sweeps.TrialTold,
    "report_trial": sweeps.TrialReported,
    "get_status": house.Status,
    "list_agents": house.Agents,
    "get_today": house.Today,
    "pause_agent": house.AgentAsked,
    "drain_agent": house.AgentAsked,
    "resume_agent": house.AgentAsked,
    "get_certificate": house.Certificate,
    "list_tokens": house.Tokens,
    "create_token": house.TokenMade,
    "revoke_token": house.TokensRevoked,
    "list_notifications": house.Notifications,
    "put_notification": house.NotificationRow,
    "get_notification": house.NotificationRow,
    "delete_notification": house.NotificationRemoved,
    "test_notification": house.NotificationTested,
    "list_schedules": schedules.Schedules,
    "get_schedule": schedules.ScheduleDetail,
    **dict.fromkeys(_SCHEDULE_CHANGED, schedules.ScheduleAnswered),
    "list_pipelines": pipelines.PipelinePage,
    "get_pipeline": pipelines.PipelineDetail,
    "submit_pipeline": pipelines.PipelineAnswered,
    "retry_pipeline": pipelines.PipelineAnswered,
    "cancel_pipeline": pipelines.PipelineCancelAnswered,
    "delete_pipeline": pipelines.PipelineDeleteAnswered,
    "list_hooks": outside.Hooks,
    "put_hook": outside.TakingRow,
    "get_hook": outside.TakingRow,
    "delete_hook": outside.HookRemoved,
    "take_hook": outside.HookTaken,
    "list_topics": outside.Topics,
    "put_topic": outside.TakingRow,
    "get_topic": outside.TakingRow,
    "delete_topic": outside.TopicRemoved,
    "get_household": outside.HouseholdShown,
    "put_household": outside.HouseholdShown,
    "delete_household": outside.HouseholdRemoved,
    "list_limits": house.LimitsThatHold,
    "label_job": jobs.LabelsChanged,
    "label_sweep": jobs.LabelsChanged,
    "set_limit": house.LimitAnswered,
    "list_datasets": stored.Datasets,
    "get_dataset": stored.DatasetDetail,
    "put_dataset": stored.DatasetPut,
    "delete_dataset": stored.DatasetRemoved,
    "delete_version": stored.DatasetRemoved,
    "list_models": stored.Models,
    "get_model": stored.ModelDetail,
    "promote_model": stored.ModelPromoted,
    "delete_model": stored.ModelGone,
    "get_model_version": stored.ModelVersionDetail,
    "delete_model_version": stored.ModelGone,
    "stage_model": stored.ModelStagedNow,
    "put_blob": stored.BlobStored,
    "get_pieces": stored.PiecesReceived,
    "put_piece": stored.PiecesReceived,
    "list_services": services.Services,
    "deploy_service": services.ServiceChanged,
    "get_service": services.ServiceDetail,
    "get_service_health": services.ServiceHealth,
    "roll_back_service": services.ServiceChanged,
    "stop_service": services.ServiceChanged,
    "call_service": services.Called,
    "get_service_schema": services.Document,
}
#: Answer bytes, text, or a list of lines, as the routes themselves say.
PLAIN = frozenset({"get_blob", "head_blob", "metrics", "run_script", "run_script_short"})


def components() -> dict[str, Any]:
    """Return the JSON Schemas of all answers and bodies, for `components.schemas`.

    Raises:
        ValueError: one of them has the name of another kind within them.
    """
    every: set[type[Any]] = {*ANSWERS.values(), services.CallTaken, *BODIES}
    kinds = sorted(every, key=lambda one: one.__name__)
    _, found = msgspec.json.schema_components(kinds, ref_template=_REF)
    # Kinds of one name get longer names, so what refers to the short one would lead nowhere.
    lost = sorted({kind.__name__ for kind in kinds if kind.__name__ not in found})
    if lost:
        raise ValueError(f"several kinds of one name: {', '.join(lost)}; rename the answer or the body")
    return found


def describe(operation: dict[str, Any]) -> None:
    """Put into an operation of an OpenAPI document what it answers, beside what it says already."""
    kind = ANSWERS.get(operation["operationId"])
    if kind is None:
        return
    for status, response in operation["responses"].items():
        content = response.get("content", {}).get("application/json")
        if status.startswith("2") and content is not None:
            content["schema"] = {"$ref": _REF.format(name=kind.__name__)}
    if operation["operationId"] == "call_service":
        taken = {"$ref": _REF.format(name=services.CallTaken.__name__)}
        operation["responses"]["202"] = {
            "description": "It will be posted to the callback's URL.",
            "content": {"application/json": {"schema": taken}},
        }
