"""A machine as a card: how it is, what it does, or why it does nothing."""

from typing import Any

from dash import html
from dash.development.base_component import Component

from dash_app import addresses, component_ids
from dash_app.presenters import pieces, words
from dash_app.presenters.plain import plain

Document = dict[str, Any]


def state_of(agent: Document, running: list[Document]) -> tuple[str, str]:
    """Return a machine's state and why it is so: working, idle, away, resting or unknown."""
    heard = agent.get("heard")
    if heard is None:
        return "unknown", "Not heard since the page's server started; it reports every ten seconds."
    if not agent.get("online"):
        return "away", "Away: asleep, switched off or without network. Its jobs wait for it or go elsewhere."
    if heard["degraded"]:
        return "resting", plain(heard["degraded"], 300)
    if running:
        return "working", ""
    if not heard["guest"]["accepting"]:
        return "resting", plain(heard["guest"]["reason"] or "Its owner lets no jobs run now.", 300)
    return "idle", "Ready for work."


_WORDS = {
    "working": "Working",
    "idle": "Idle",
    "away": "Away",
    "resting": "Resting",
    "unknown": "Not heard yet",
}


def card(agent: Document, running: list[Document], percents: dict[str, float]) -> Component:
    """Return the card of one machine."""
    name = agent["name"]
    return html.Article(
        card_children(agent, running, percents), id=component_ids.machine(name), className="card"
    )


def card_children(agent: Document, running: list[Document], percents: dict[str, float]) -> list[Component]:
    """Return what is on the card: the live feed replaces it whole."""
    state, why = state_of(agent, running)
    slots = (agent.get("heard") or agent).get("slots", 0)
    return [
        html.Div(
            [
                html.Span(className=f"lamp is-{state}"),
                html.H3(agent["name"]),
                html.Span(_WORDS[state], className="card-state"),
            ],
            className="card-head",
        ),
        html.P(_about(agent.get("facts") or {}), className="card-about"),
        _slots(slots, len(running)),
        html.Div([_running(job, percents.get(job["id"])) for job in running], className="card-jobs")
        if running
        else html.P(why, className="card-why"),
    ]


def _about(facts: Document) -> str:
    parts = []
    if facts.get("cores"):
        parts.append(words.count(facts["cores"], "core"))
    if facts.get("memory_mb"):
        parts.append(words.memory(facts["memory_mb"]))
    if facts.get("gpus"):
        parts.append(words.count(facts["gpus"], "GPU"))
    parts += [plain(label, 40) for label in facts.get("labels") or ()]
    return " \N{MIDDLE DOT} ".join(parts)


def _slots(slots: int, busy: int) -> Component:
    shown = [
        html.Span(className="slot is-busy" if number < busy else "slot") for number in range(min(slots, 24))
    ]
    label = f"{busy} of {words.count(slots, 'slot')} busy"
    return html.Div(shown, className="slots", title=label, role="img", **pieces.attributes(aria_label=label))


def _running(job: Document, percent: float | None) -> Component:
    return html.A(
        [
            html.Span(words.job_name(job["spec"]), className="card-job-name"),
            html.Span(pieces.since(job.get("claimed_at")), className="card-job-since"),
            pieces.progress(percent, job["id"]),
        ],
        href=addresses.of_job(job["id"]),
        className="card-job",
    )


def none_yet() -> Component:
    """Return what the House says before any machine has joined."""
    return pieces.empty(
        "No machine has joined yet.",
        html.P(["Start an agent here: ", pieces.code("idlehands agent")]),
        html.P(
            [
                "For another computer, make its certificate with ",
                pieces.code("idlehands cert issue NAME"),
                " and start the agent there.",
            ]
        ),
    )


def cards(
    agents: list[Document], running: dict[str, list[Document]], percents: dict[str, float]
) -> list[Component] | Component:
    """Return the cards of all machines, by name."""
    if not agents:
        return none_yet()
    return [card(agent, running.get(agent["name"], []), percents) for agent in agents]


def by_agent(running: list[Document]) -> dict[str, list[Document]]:
    """Return running jobs by the machine that they run on."""
    found: dict[str, list[Document]] = {}
    for job in running:
        if job.get("agent"):
            found.setdefault(job["agent"], []).append(job)
    return found
