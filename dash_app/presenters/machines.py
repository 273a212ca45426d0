"""A machine as a card: how it is, what it does, or why it does nothing."""

from collections.abc import Callable, Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dash_app.presenters import pieces, words
from dash_app.presenters.loads import gauges
from dash_app.presenters.plain import plain
from schemas.facts import MachineLoad

Document = dict[str, Any]
Loads = Sequence[tuple[float, MachineLoad]]


def state_of(agent: Document, running: list[Document]) -> tuple[str, str]:
    """Return a machine's state and why it is so: working, idle, away, resting or unknown."""
    heard = agent.get("heard")
    if heard is None:
        return "unknown", "Not heard since the page's server started; it reports every ten seconds."
    if not agent.get("online"):
        return "away", "Away: asleep, switched off or without network. Its jobs wait for it or go elsewhere."
    if heard["degraded"]:
        return "resting", plain(heard["degraded"], 300)
    guest = heard["guest"]
    if not guest["accepting"]:
        return "resting", _rests(guest, running)
    less = f"Works {plain(guest['reason'], 300)}." if guest["reason"] else ""
    return ("working", less) if running else ("idle", less or "Ready for work.")


def guest_of(agent: Document) -> Document:
    """Return what a machine said last of its owner's rules; empty when it was not heard."""
    found: Document = (agent.get("heard") or {}).get("guest") or {}
    return found


def _rests(guest: Document, running: list[Document]) -> str:
    """Say why a machine takes nothing, and what becomes of what it has."""
    why = plain(guest["reason"] or "its owner lets no jobs run now", 300)
    if guest.get("frozen"):
        why = why if why.startswith("paused") else f"paused: {why}"
    elif running and "nothing new" not in why:
        why = f"takes nothing new: {why}"
    return why[:1].upper() + why[1:]


_WORDS = {
    "working": "Working",
    "idle": "Idle",
    "away": "Away",
    "resting": "Resting",
    "unknown": "Not heard yet",
}


def card(
    agent: Document,
    running: list[Document],
    percents: dict[str, float],
    loads: Loads = (),
    since: float | None = None,
) -> Document:
    """Return what is on a machine's card, as plain data; `assets/cards.js` draws it.

    Args:
        agent: As REST has it.
        running: Its jobs.
        percents: How far jobs are.
        loads: How busy it was of late.
        since: The Unix time since which it is as it is, where that is known.
    """
    state, why = state_of(agent, running)
    slots = min(24, (agent.get("heard") or agent).get("slots", 0))
    # Workers of services hold none.
    busy = sum(not job["spec"].get("serves") for job in running)
    return {
        "name": agent["name"],
        "state": state,
        "word": _WORDS[state],
        "why": why,
        "about": _about(agent.get("facts") or {}),
        # Its jobs say since when they run.
        "since": None if since is None or state in ("working", "unknown") else round(since),
        "load": gauges(loads) if agent.get("online") else [],
        "slots": slots,
        "busy": busy,
        "slots_words": f"{busy} of {words.count(slots, 'slot')} busy",
        # What it was asked for through HQ, and whether it can be asked now.
        "is_dedicated": guest_of(agent).get("preset") == "dedicated",
        "wish": guest_of(agent).get("house_wish", ""),
        "can_be_asked": bool(agent.get("heard") and agent.get("online")),
        "jobs": [_running(job, percents.get(job["id"])) for job in running],
    }


def _about(facts: Document) -> str:
    parts = []
    if facts.get("cores"):
        parts.append(words.count(facts["cores"], "core"))
    if facts.get("memory_mb"):
        parts.append(words.memory(facts["memory_mb"]))
    if facts.get("gpus"):
        parts.append(words.count(facts["gpus"], "GPU"))
    isolation = facts.get("isolation") or ["basic"]
    if "basic" not in isolation:
        # Of all its jobs: the owner demands strict, or the system gives nothing.
        parts.append(f"isolation {plain(isolation[0], 10)}")
    elif "strict" in isolation:
        parts.append("can isolate strictly")
    parts += [plain(label, 40) for label in facts.get("labels") or ()]
    return " \N{MIDDLE DOT} ".join(parts)


def _running(job: Document, percent: float | None) -> Document:
    return {
        "id": job["id"],
        "name": words.job_name(job["spec"]),
        "since": round(job.get("claimed_at") or 0, 3),
        "percent": None if percent is None else max(0.0, min(100.0, percent)),
        # It waits for calls and is never nearer to an end.
        "serves": bool(job["spec"].get("serves")),
    }


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
    agents: list[Document],
    running: dict[str, list[Document]],
    percents: dict[str, float],
    loads: Callable[[str], Loads] = lambda _: (),
    since: Callable[[str], float | None] = lambda _: None,
) -> list[Document]:
    """Return the cards of all machines. `loads` and `since` are told the name of each."""
    return [
        card(agent, running.get(agent["name"], []), percents, loads(agent["name"]), since(agent["name"]))
        for agent in agents
    ]


def by_agent(running: list[Document]) -> dict[str, list[Document]]:
    """Return running jobs by the machine that they run on."""
    found: dict[str, list[Document]] = {}
    for job in running:
        if job.get("agent"):
            found.setdefault(job["agent"], []).append(job)
    return found
