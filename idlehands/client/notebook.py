"""How jobs and results look in a notebook: plain HTML that needs no widgets, and pandas tables."""

import html
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Generic, TypeVar

if TYPE_CHECKING:
    from idlehands.client.jobs import Job
    from idlehands.client.loops import TrialRow
    from idlehands.client.sweeps import SweepUpdate

_T = TypeVar("_T")
#: A longer table is cut.
_ROWS = 50
_COLOURS = {"succeeded": "#2f9e44", "running": "#1c7ed6", "queued": "#868e96"}


class Jobs(list["Job[_T]"], Generic[_T]):
    """Jobs of one call, which a notebook shows as a bar and a table; shown again, as they stand then."""

    def results(self, timeout: float | None = None) -> list[_T]:
        """Return what each returned, in order. Raises as `Job.result` for the first that did not."""
        return [job.result(timeout) for job in self]

    def _repr_html_(self) -> str:
        return show_jobs(self)


def show_jobs(jobs: "Iterable[Job[Any]]") -> str:
    """Return a bar with how many have ended and a table of the jobs. All text of others is escaped."""
    shown = list(jobs)
    done = sum(job.done() for job in shown)
    percent = 100 * done / len(shown) if shown else 100
    bar = (
        f'<div style="width:20em;border:1px solid #868e96;border-radius:3px" title="{percent:.0f}%">'
        f'<div style="width:{percent:.0f}%;height:0.6em;background:#2f9e44"></div></div>'
        f"<div>{done} of {len(shown)} ended</div>"
    )
    rows = "".join(
        "<tr>"
        + "".join(f"<td>{html.escape(text)}</td>" for text in (job.id, job.name, job.agent or ""))
        + f'<td style="color:{_COLOURS.get(job.status, "#e03131")}">{html.escape(job.status)}</td></tr>'
        for job in shown[:_ROWS]
    )
    more = f"<div>and {len(shown) - _ROWS} more</div>" if len(shown) > _ROWS else ""
    head = "<tr><th>job</th><th>name</th><th>machine</th><th>status</th></tr>"
    return f"{bar}<table>{head}{rows}</table>{more}"


def show_sweep(
    ident: str, name: str, status: "SweepUpdate", wanted: int, trials: "Iterable[TrialRow]"
) -> str:
    """Return a bar with how many trials are over and a table of them. All text of others is escaped."""
    over = status.succeeded + status.unsuccessful + status.pruned
    percent = min(100.0, 100 * over / wanted) if wanted else 100.0
    best = "" if status.best is None else f", best {status.best:.6g}"
    rows = list(trials)
    body = "".join(
        "<tr>"
        + "".join(
            f"<td>{html.escape(text)}</td>"
            for text in (
                str(row.number),
                row.state,
                ", ".join(f"{value:.6g}" for value in row.values),
                ", ".join(f"{key}={value}" for key, value in row.params.items()),
            )
        )
        + "</tr>"
        for row in rows[-_ROWS:]
    )
    head = "<tr><th>trial</th><th>status</th><th>value</th><th>parameters</th></tr>"
    return (
        f"<div>{html.escape(f'{ident} {name}'.strip())}: {html.escape(status.status)}</div>"
        f'<div style="width:20em;border:1px solid #868e96;border-radius:3px" title="{percent:.0f}%">'
        f'<div style="width:{percent:.0f}%;height:0.6em;background:#2f9e44"></div></div>'
        f"<div>{over} of {wanted} trials over{best}</div><table>{head}{body}</table>"
    )


def frame_of(rows: Iterable[dict[str, Any]]) -> Any:
    """Return rows of REST's `/results` as a pandas DataFrame; what is nested becomes `params.depth`.

    Raises:
        ModuleNotFoundError: If pandas is not installed.
    """
    import pandas

    flat = [_flatten(row) for row in rows]
    return pandas.DataFrame(flat)


def _flatten(row: dict[str, Any]) -> dict[str, Any]:
    result = row.get("result") or {}
    kept = {name: row.get(name) for name in ("job", "sweep", "trial", "agent", "script", "at", "verdict")}
    ended = {name: result.get(name) for name in ("outcome", "duration_seconds", "cpu_seconds")}
    params = {
        f"params.{name}": value
        for name, value in (row.get("params") or {}).items()
        if not name.startswith("idlehands_")
    }
    said = {name: value for name, value in (result.get("result") or {}).items() if name not in ("idlehands",)}
    return {**kept, **ended, **params, **said}
