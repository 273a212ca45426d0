"""Events of the log in words, as rows of a table, by kinds that people filter by."""

import re
from typing import Any

from dash import html
from dash.development.base_component import Component

from dash_app.presenters import pieces, words
from dash_app.presenters.plain import plain
from schemas.events import AnyEvent

Document = dict[str, Any]

KINDS: dict[str, dict[str, str]] = {
    "jobs": {
        "JobSubmitted": "Submitted",
        "JobClaimed": "Claimed",
        "JobHeld": "Put on hold",
        "JobReleased": "Released",
        "JobCancelled": "Cancelled",
        "JobDeleted": "Deleted",
        "CheckpointStored": "Checkpoint stored",
        "ParentEnded": "What it waited for has ended",
    },
    "results": {
        "JobSucceeded": "Succeeded",
        "JobFailed": "Failed",
        "JobDied": "Given up",
        "PruneDecided": "To be stopped early",
        "JobPruned": "Stopped early",
        "AttemptFailed": "Attempt failed, tried again",
        "ResultSuperseded": "Result came late and does not count",
    },
    "machines": {
        "AgentBooted": "Machine started",
        "AttemptReturned": "Given back before it began",
        "AttemptInterrupted": "Interrupted",
        "AttemptResumed": "Heard of again",
        "AttemptLost": "Machine went down",
    },
    "sweeps": {
        "PipelineSubmitted": "Pipeline submitted",
        "PipelineDeleted": "Pipeline deleted",
        "SweepSubmitted": "Sweep submitted",
        "TrialProposed": "Trial proposed",
        "SweepExhausted": "Nothing more to try",
        "SweepStuck": "Sweep is stuck",
        "SweepFinished": "Sweep finished",
        "SweepCancelled": "Sweep cancelled",
        "SweepParentEnded": "What it waited for has ended",
        "SweepPaused": "Sweep paused",
        "SweepResumed": "Sweep goes on",
        "SweepChanged": "Sweep changed",
        "SweepStopped": "Sweep stopped by its rule",
        "SweepDeleted": "Sweep deleted",
    },
    "services": {
        "ServiceDeployed": "Service deployed",
        "ServiceRolledBack": "Service rolled back",
        "ServiceStopped": "Service stopped",
        "ServiceCalled": "Service called",
    },
    "schedules": {
        "ScheduleAdded": "Schedule added",
        "ScheduleRemoved": "Schedule removed",
        "SchedulePaused": "Schedule paused",
        "ScheduleResumed": "Schedule resumed",
        "ScheduleFired": "Schedule fired",
        "ScheduleSkipped": "Schedule skipped",
    },
    "models": {
        "ModelRegistered": "Model registered",
        "ModelStaged": "Model staged",
        "ModelRemoved": "Model removed",
    },
    "house": {"LimitSet": "Limit set", "Labelled": "Labels changed", "EpochBegan": "HQ took over"},
}
_WORDS = {name: said for types in KINDS.values() for name, said in types.items()}
#: What is only for repeats of a request, and who got in, which is for admins.
_LEFT_OUT = frozenset({"RequestAnswered", "Audited"})
_ALL = frozenset(kind.__name__ for kind in AnyEvent.__args__) - _LEFT_OUT


def types_of(kind: str) -> frozenset[str]:
    """Return the types of events of a kind; of all kinds when it is none."""
    return frozenset(KINDS.get(kind, _ALL))


def row(one: Document) -> Document:
    """Return an event's row. Its id is where it stands in the log; whatever is shown is text."""
    event = one["event"]
    return {
        "id": f"{one['position']}.{one['index']}",
        "order": one["position"] * 1_000_000 + one["index"],
        "at": one["at"],
        "what": _WORDS.get(event["type"], _split(event["type"])),
        "kind": next((kind for kind, types in KINDS.items() if event["type"] in types), ""),
        "job": plain(event.get("job") or "", 40),
        "about": _about(event),
        "machine": plain(event.get("agent") or "", 64),
        "who": plain(event.get("by") or event.get("submitter") or "", 64),
    }


def timeline(events: list[Document], job: str) -> list[Component]:
    """Return what happened to a job, in order: when, what, where, and why or what came of it."""
    steps = []
    for one in events:
        shown = row(one)
        about = [part for part in (shown["machine"], shown["about"], shown["who"]) if part]
        said = [html.Span(shown["what"], className="step-what")]
        if about:
            said.append(html.Span(f" \N{MIDDLE DOT} {', '.join(about)}", className="quiet"))
        steps.append(html.Li([pieces.clock(shown["at"]), html.Span(said)]))
    if not steps:
        return [html.P("Too long ago to be looked up here.", className="quiet")]
    more = html.A("In the log of the house", href=f"/events?about={job}", className="link")
    return [html.Ol(steps, className="timeline"), html.P(more, className="quiet")]


def _split(name: str) -> str:
    """Return the words of a type that has none of its own: `JobHeld` is `Job held`."""
    return re.sub(r"(?<=.)([A-Z])", lambda found: f" {found[1].lower()}", plain(name, 60))


def _about(event: Document) -> str:
    parts = []
    if event.get("sweep"):
        parts.append(f"sweep {event['sweep']}")
    if event["type"] == "JobSubmitted":
        parts.append(words.job_name(event["spec"]))
    if event["type"] == "TrialProposed":
        parts.append(", ".join(f"{name} {words.value(value)}" for name, value in event["params"].items()))
    if event.get("service"):
        parts.append(f"service {event['service']}")
    if event.get("schedule"):
        parts.append(f"schedule {event['schedule']}")
    if event.get("model"):
        version = event.get("version")
        parts.append(f"model {event['model']}" + (f"@{version}" if version else ""))
        parts.append(str(event.get("stage") or ""))
    if event.get("why"):
        parts.append(str(event["why"]))
    result = event.get("result") or {}
    if event["type"] == "JobSucceeded" and result.get("result"):
        parts.append(words.value(result["result"]))
    if result.get("failure"):
        parts.append(str(result["failure"].get("message") or result["failure"].get("reason") or ""))
    if event["type"] == "AgentBooted":
        parts.append(words.count(int(event["slots"]), "slot"))
    return plain(": ".join(part for part in parts if part), 300)
