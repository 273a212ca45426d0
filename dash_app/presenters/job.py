"""One job in words: how it stands and why, what it was given, what it gave, and every attempt."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from dash_app import addresses, component_ids
from dash_app.presenters import jobs, pieces, words
from dash_app.presenters.plain import plain, plain_lines
from dash_app.presenters.result_charts import result_charts, without_charts
from idlehands.energy import add_up, describe
from schemas.specs import BUILT
from schemas.states import FINAL_STATUSES, JobStatus

Document = dict[str, Any]


def is_final(job: Document) -> bool:
    """Tell whether nothing will happen to this job any more."""
    return JobStatus(job["status"]) in FINAL_STATUSES


def title(job: Document) -> Component:
    """Return the first line of the page."""
    spec = job["spec"]
    over = [html.A("Jobs", href="/jobs"), " / ", job["id"]]
    if spec.get("sweep"):
        sweep = html.A("Sweep", href=addresses.of_sweep(spec["sweep"]))
        over = [sweep, f" / Trial {spec.get('trial', 0)} / ", job["id"]]
    actions = html.Div(id=component_ids.JOB_ACTIONS, className="actions")
    return pieces.head(html.Bdi(words.job_name(spec)), actions, over=over)


def status(job: Document, why: str, percent: float | None) -> list[Component]:
    """Return how it stands: state, one sentence, and how far it is."""
    parts: list[Component] = [
        html.Div([pieces.pill(job["status"]), html.Span(_sentence(job, why), className="sentence")])
    ]
    if job["status"] == "running":
        parts.append(pieces.progress(percent, job["id"]))
    return parts


def _sentence(job: Document, why: str) -> list[Any]:
    machine = jobs.machine_of(job)
    took = None
    if job.get("ended_at") and job.get("claimed_at"):
        took = words.duration(job["ended_at"] - job["claimed_at"])
    match job["status"]:
        case "running":
            return [
                "on ",
                html.Bdi(machine),
                " for ",
                pieces.since(job.get("claimed_at")),
                pieces.left(job["id"], job.get("claimed_at")),
            ]
        case "succeeded":
            return [f"in {took} on {machine}" if took else f"on {machine}"]
        case "queued" | "held":
            return [plain(why or job.get("why") or "It waits for a machine.", 600)]
    return [plain(why or job.get("why") or "", 600)]


def actions(status: str, may_change: bool) -> list[Component]:
    """Return what can be done with a job of this status."""
    if not may_change or status not in set(JobStatus):
        return []
    if JobStatus(status) in FINAL_STATUSES:
        again = "Run again" if status == "succeeded" else "Try again"
        return [html.Button(again, id=component_ids.JOB_RETRY, className="button is-plain")]
    return [html.Button("Cancel", id=component_ids.JOB_CANCEL, className="button is-plain")]


def facts(job: Document) -> Component:
    """Return where it comes from and what it cost."""
    spec = job["spec"]
    rows: list[tuple[str, Any]] = [
        ("Script", plain(spec["script"].get("entry", ""), 200)),
        ("Machine", jobs.machine_of(job) or "none yet"),
        ("Submitted", [pieces.clock(job["submitted_at"]), f" by {job['submitter']}"]),
    ]
    if job.get("claimed_at"):
        rows.append(("Began", pieces.clock(job["claimed_at"])))
    if job.get("ended_at"):
        rows.append(("Ended", pieces.clock(job["ended_at"])))
    last = last_result(job)
    if last.get("cpu_seconds"):
        rows.append(("CPU time", words.duration(last["cpu_seconds"])))
    if last.get("max_rss_mb"):
        rows.append(("Memory", words.memory(last["max_rss_mb"])))
    if last.get("seed") is not None:
        rows.append(("Seed", str(last["seed"])))
    energy = describe(add_up(one.get("result") for one in job.get("results") or []))
    if energy:
        rows.append(("Energy", energy))
    if spec.get("retry_of"):
        rows.append(("Again of", html.A(spec["retry_of"], href=addresses.of_job(spec["retry_of"]))))
    rows += [("Needs", need) for need in _needs(spec.get("needs") or {})]
    return pieces.facts(rows)


def _needs(needs: Document) -> list[str]:
    found = []
    if needs.get("agent"):
        found.append(f"the machine {needs['agent']}")
    if needs.get("memory_mb"):
        found.append(f"{words.memory(needs['memory_mb'])} of memory")
    if needs.get("gpus"):
        found.append(words.count(needs["gpus"], "GPU"))
    if needs.get("environment"):
        built = needs["environment"] == BUILT
        found.append("an environment built for it" if built else plain(needs["environment"], 80))
    if needs.get("labels"):
        found.append(plain(", ".join(needs["labels"]), 200))
    return found


def parameters(job: Document) -> Component:
    """Return what the script was given."""
    spec = job["spec"]
    rows = [(plain(name, 80), words.value(value)) for name, value in (spec.get("params") or {}).items()]
    if spec.get("argv"):
        rows.append(("Words", plain(" ".join(spec["argv"]), 600)))
    return pieces.facts(rows) if rows else html.P("None: the script's own defaults.", className="quiet")


def result(job: Document) -> list[Component]:
    """Return what the script printed as its result, or how it failed."""
    last = last_result(job)
    if not last:
        return [html.P("It has not ended yet." if not is_final(job) else "There is none.", className="quiet")]
    failure = last.get("failure")
    if failure:
        parts: list[Component] = [html.P(plain(failure.get("message", ""), 2000), className="failure")]
        if failure.get("traceback"):
            parts.append(html.Pre(plain_lines(failure["traceback"], 2000), className="traceback"))
        return parts
    if last.get("result_blob"):
        return [
            html.P(["It is large, and stored as ", html.Code(last["result_blob"][:16])], className="quiet")
        ]
    printed = last.get("result")
    if not printed:
        return [html.P("The script printed no JSON result.", className="quiet")]
    listed = without_charts(printed)
    return [pieces.facts([(plain(name, 80), words.value(value)) for name, value in listed.items()])]


def charts(job: Document) -> list[Component]:
    """Return the charts of the result that counts; none when it has none."""
    printed = last_result(job).get("result")
    return result_charts(printed) if isinstance(printed, dict) else []


def last_result(job: Document) -> Document:
    """Return the result that counts, or the latest of those that do not; empty when there is none."""
    results = job.get("results") or []
    accepted = [one for one in results if one["verdict"] == "accepted"]
    chosen = (accepted or results)[-1:] or [{}]
    return chosen[0].get("result") or {}


def attempts(job: Document) -> Component:
    """Return every attempt with where it was and how it went."""
    verdicts = {one["token"]: one for one in job.get("results") or []}
    rows = []
    for number, attempt in enumerate(job.get("attempts") or [], 1):
        stored = verdicts.get(attempt["token"], {})
        went = (stored.get("result") or {}).get("outcome") or {
            "live": "running",
            "unheard": "not heard of",
        }.get(str(attempt["state"]), "ended")
        rows.append(
            (f"{number}", [html.Bdi(attempt["agent"]), f", {went}, ", pieces.clock(attempt["claimed_at"])])
        )
    return pieces.facts(rows) if rows else html.P("No machine has taken it yet.", className="quiet")
