"""What happened, in words, made of events of the log; and which notification it concerns. Pure."""

import fnmatch
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec import Struct

from hq.outside.targets import Happens, Notification

#: The events of the log that something is made of.
EVENTS = ("JobFailed", "JobDied", "JobSucceeded", "AttemptLost", "SweepFinished", "AttemptInterrupted")
_LONGEST = 400


class Happening(Struct, frozen=True, omit_defaults=True):
    """One thing that people may want to hear of."""

    #: The same whenever it is made of the same: a position of the log, or what was seen and when.
    id: str
    what: Happens
    #: Unix seconds.
    at: float
    text: str
    job: str = ""
    sweep: str = ""
    agent: str = ""
    user: str = ""
    project: str = ""
    name: str = ""
    #: Of a job that succeeded.
    seconds: float = 0


def jobs_of(events: Iterable[dict[str, Any]]) -> set[str]:
    """Return the jobs that must be looked up for `happenings_of`."""
    return {row["event"]["job"] for row in events if "job" in row["event"]}


def sweeps_of(events: Iterable[dict[str, Any]]) -> set[str]:
    """Return the sweeps that must be looked up."""
    return {row["event"]["sweep"] for row in events if row["event"]["type"] == "SweepFinished"}


def happenings_of(
    events: Iterable[dict[str, Any]],
    jobs: Mapping[str, dict[str, Any]],
    sweeps: Mapping[str, dict[str, Any]],
) -> list[Happening]:
    """Return what these events mean to people.

    Args:
        events: As `{"position", "index", "at", "event"}`, in order.
        jobs: Documents of the jobs that are known, by id; others may have been deleted.
        sweeps: Likewise.
    """
    found: list[Happening] = []
    for row in events:
        event = row["event"]
        if event["type"] == "SweepFinished":
            found.append(_sweep(row, sweeps.get(event["sweep"], {})))
        else:
            made = _job(row, jobs.get(event["job"], {}))
            found += [] if made is None else [made]
    return found


def concerns(notification: Notification, happening: Happening) -> bool:
    """Tell whether a notification is about this. What is of nobody passes every filter."""
    if happening.what not in notification.on:
        return False
    if happening.what == "job_succeeded" and happening.seconds <= notification.over_minutes * 60:
        return False
    if happening.what in ("machine_lost", "house_unhealthy"):
        return True
    if notification.user is not None and happening.user != notification.user:
        return False
    if notification.project and happening.project != notification.project:
        return False
    return not notification.job_name or fnmatch.fnmatchcase(happening.name, notification.job_name)


def _job(row: dict[str, Any], job: Mapping[str, Any]) -> Happening | None:
    event, spec = row["event"], job.get("spec", {})
    name = spec.get("name") or spec.get("script", {}).get("name") or spec.get("script", {}).get("entry", "")
    user = job.get("submitter", "")
    whose = f"Job {event['job']}" + (f" ({name})" if name else "") + (f" of {user}" if user else "")
    agent = event.get("agent") or job.get("agent") or ""
    where = f" on {agent}" if agent else ""
    seconds = 0.0
    what: Happens
    match event["type"]:
        case "JobFailed":
            what, text = "job_failed", f"{whose} failed{where}: {_why(event)}"
        case "JobDied":
            what, text = "job_dead", f"{whose} is given up: {event['why']}"
        case "JobSucceeded":
            seconds = float(event["result"].get("duration_seconds", 0))
            what, text = "job_succeeded", f"{whose} succeeded{where} after {in_words(seconds)}"
        case "AttemptLost":
            what, text = "machine_lost", f"{agent} went down while it ran {whose[0].lower()}{whose[1:]}"
        case "AttemptInterrupted" if event.get("unheard"):
            what, text = "machine_lost", f"{event['why']}, while it ran {whose[0].lower()}{whose[1:]}"
        case _:
            return None
    return Happening(
        id=f"{row['position']}.{row['index']}",
        what=what,
        at=row["at"],
        text=text[:_LONGEST],
        job=event["job"],
        sweep=spec.get("sweep") or "",
        agent=agent,
        user=user,
        project=job.get("project") or spec.get("project") or "",
        name=name,
        seconds=seconds,
    )


def _why(event: Mapping[str, Any]) -> str:
    failure = (event.get("result") or {}).get("failure") or {}
    return str(failure.get("message") or event.get("why") or "it does not say why")


def _sweep(row: dict[str, Any], sweep: Mapping[str, Any]) -> Happening:
    spec, identity = sweep.get("spec", {}), row["event"]["sweep"]
    name = spec.get("name") or spec.get("job", {}).get("script", {}).get("name", "")
    user = sweep.get("submitter", "")
    text = f"Sweep {identity}" + (f" ({name})" if name else "") + (f" of {user}" if user else "")
    text += " is finished"
    if sweep:
        text += f": {sweep.get('succeeded', 0)} trials succeeded, {sweep.get('unsuccessful', 0)} did not"
    if sweep.get("best") is not None:
        text += f"; best: {spec.get('metric') or 'value'} {sweep['best']:.6g} in trial {sweep['best_trial']}"
    if row["event"].get("why"):
        text += f". {row['event']['why']}"
    return Happening(
        id=f"{row['position']}.{row['index']}",
        what="sweep_finished",
        at=row["at"],
        text=text[:_LONGEST],
        sweep=identity,
        user=user,
        project=sweep.get("project") or spec.get("job", {}).get("project") or "",
        name=name,
    )


def in_words(seconds: float) -> str:
    """Return a duration as people say it."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    if seconds < 5400:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3600:.1f} h"
