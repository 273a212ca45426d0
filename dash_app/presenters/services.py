"""Services in words: one as a card of the list; how it is, its versions and its figures on its own page."""

from collections.abc import Sequence
from typing import Any

from dash import html
from dash.development.base_component import Component

from dash_app.presenters import pieces, words
from dash_app.presenters.plain import plain

Document = dict[str, Any]
#: Minutes that say how many calls there are a minute.
_LATELY = 5


def state_of(service: Document) -> tuple[str, str, str]:
    """Return how a service is, as a tone, a word and why."""
    if not service["is_running"]:
        return "away", "Stopped", "It takes no calls. Rolling back to a version starts it again."
    if service["is_healthy"]:
        return "idle", "Ready", ""
    why = plain(service["why"], 300) or "No worker is ready yet."
    return "resting", "Not ready", why


def latency(seconds: float | None) -> str:
    """Return how long a call takes, with three digits at most."""
    if seconds is None:
        return "\N{EN DASH}"
    return f"{seconds * 1000:.1f} ms" if seconds < 0.1 else words.duration(seconds)


def per_minute(service: Document) -> str:
    """Return the calls a minute, of the last five."""
    return f"{sum(service['minutes'][-_LATELY:]) / _LATELY:.3g}"


def listed(services: Sequence[Document]) -> list[Component]:
    """Return the services as cards."""
    return [_card(one) for one in services]


def _card(service: Document) -> Component:
    tone, word, why = state_of(service)
    return html.A(
        [
            html.Div(
                [
                    html.Span(className=f"lamp is-{tone}"),
                    html.H2(service["service"]),
                    html.Span(f"{word} \N{MIDDLE DOT} v{service['version']}", className="card-state"),
                ],
                className="card-head",
            ),
            html.P(about(service), className="card-about"),
            html.P(why, className="card-why") if why else minutes(service),
            html.Dl(
                [html.Div([html.Dt(name), html.Dd(value)]) for name, value in _in_short(service)],
                className="service-figures",
            ),
        ],
        href=f"/services/{service['service']}",
        className="card service",
    )


def about(service: Document) -> str:
    """Return what is called: a function of a module, or a script."""
    script = plain(service["script"], 60)
    function = plain(service["function"] or "", 60)
    what = script if function in ("", script) else f"{function} of {script}"
    return f"{what} \N{MIDDLE DOT} {_workers(service)}"


def _workers(service: Document) -> str:
    ready = sum(one["is_ready"] for one in service["workers"])
    return f"{ready} of {words.count(service['min_warm'], 'worker')} ready"


def _in_short(service: Document) -> list[tuple[str, str]]:
    return [
        ("a minute", per_minute(service)),
        ("p50", latency(service["median_seconds"])),
        ("p95", latency(service["p95_seconds"])),
        ("failed", str(service["failures"])),
    ]


def minutes(service: Document) -> Component:
    """Return the calls of the last half hour, a bar for each minute."""
    counts = service["minutes"]
    most = max(*counts, 1)
    said = f"{words.count(sum(counts), 'call')} in the last {len(counts)} minutes"
    return html.Div(
        [html.Span(style={"height": f"{max(4, round(100 * one / most)) if one else 0}%"}) for one in counts],
        className="minutes",
        title=said,
        role="img",
        **pieces.attributes(aria_label=said),
    )


def status(service: Document) -> list[Any]:
    """Return how it is in one line."""
    tone, word, why = state_of(service)
    tones = {"idle": "succeeded", "resting": "held", "away": "cancelled"}
    return [
        html.Div(
            [
                html.Span(word, className=f"pill is-{tones[tone]}"),
                html.Span(why or about(service), className="sentence"),
            ]
        )
    ]


def now(service: Document) -> list[Any]:
    """Return what it does now."""
    rows: list[tuple[str, Any]] = [
        ("Calls a minute", per_minute(service)),
        ("Median, 95 %", f"{latency(service['median_seconds'])}, {latency(service['p95_seconds'])}"),
        ("Run, wait", f"{service['running']}, {service['waiting']} of at most {service['queue']}"),
        ("Answered", words.count(service["calls"], "call")),
        ("Failed, refused", f"{service['failures']}, {service['refused']}"),
        ("Deadline", f"{service['deadline_seconds']:g} s"),
        ("At each worker", words.count(service["concurrency"], "call") + " at a time"),
        ("Its calls", "are in the event log" if service["log"] else "leave no record"),
    ]
    return [
        minutes(service),
        pieces.facts(rows),
        html.P(
            "Calls a minute are of the last five minutes, times of the last 200 calls, all since HQ started.",
            className="quiet explained",
        ),
    ]


def workers(service: Document) -> list[Any]:
    """Return its workers: each with its machine and job."""
    if not service["workers"]:
        return [html.P("None now.", className="quiet")]
    rows = [
        html.Li(
            [
                html.A(
                    plain(one["agent"] or "any machine", 64),
                    href=f"/jobs/{one['job']}",
                    className="file-name",
                ),
                html.Span(f"v{one['version']}, {'ready' if one['is_ready'] else plain(one['status'], 20)}"),
            ]
        )
        for one in service["workers"]
    ]
    return [html.Ul(rows, className="files")]


def versions(service: Document, may_change: bool) -> list[Any]:
    """Return its versions, the newest first, each with a way back to it."""
    shown = []
    for one in reversed(service["versions"]):
        is_current = one["version"] == service["version"] and service["is_running"]
        said = [html.Span(f"v{one['version']}", className="file-name" + (" is-chosen" if is_current else ""))]
        by = html.Span([plain(one["by"], 40), ", ", pieces.clock(one["at"])])
        if is_current:
            does: Any = html.Span("takes the calls", className="quiet")
        elif may_change:
            does = html.Button(
                "Go back to it" if one["version"] < service["version"] else "Take it",
                className="ask",
                **pieces.attributes(
                    data_service_ask="rollback",
                    data_version=str(one["version"]),
                    aria_label=f"Let version {one['version']} take the calls",
                ),
            )
        else:
            does = ""
        shown.append(html.Li([*said, by, does]))
    return [html.Ul(shown, className="files versions")]
