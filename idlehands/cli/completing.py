"""What a shell may complete: ids and names of the house, where it is reachable at once; else nothing.

A press of the tab key must neither wait nor complain: one request over REST, a second at most, of
the newest only, and no error is said. Shells complete options, commands and files by themselves.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator
from typing import Any

#: The words that fit, each with what it is.
Completions = list[tuple[str, str]]
Completer = Callable[[str], Completions]
#: Return the rows of a list of REST, or raise anything.
Ask = Callable[[str, str, int], Iterable[dict[str, Any]]]
Tell = Callable[[dict[str, Any]], Iterator[tuple[str, str]]]
_SECONDS = 1.0
_NEWEST = 200
_MOST = 50


def complete(path: str, field: str, tell: Tell, *more: "Completer", ask: Ask | None = None) -> Completer:
    """Return a completer of what is in a list of REST.

    Args:
        path: Of the list.
        field: Its rows in the answer.
        tell: Yields the words of a row, each with what it is.
        more: Completers whose words come after these.
        ask: Reads the rows; over REST by default.
    """

    def completer(incomplete: str) -> Completions:
        found: dict[str, str] = {}
        # Nothing that goes wrong here is worth a word between two presses of a key.
        with contextlib.suppress(Exception), _silent():
            for row in (ask or _ask)(path, field, _NEWEST):
                found.update((word, what) for word, what in tell(row) if word.startswith(incomplete))
        for other in more:
            found.update(other(incomplete))
        return list(found.items())[:_MOST]

    return completer


def words(*known: str) -> Completer:
    """Return a completer of words that are the same everywhere."""
    return lambda incomplete: [(word, "") for word in known if word.startswith(incomplete)]


def _ask(path: str, field: str, limit: int) -> Iterable[dict[str, Any]]:
    from bus.certificate_files import remembered_rest
    from idlehands.client.rest import Rest
    from idlehands.finding import find_house

    found = find_house()
    folder = found.settings.certificate
    url = found.home.rest_url if found.home is not None else remembered_rest(folder)
    if not url:
        return _ask_on_the_bus(path, field, limit)
    with contextlib.closing(
        Rest(url, folder / "token", https_only=found.is_https, timeout_seconds=_SECONDS)
    ) as rest:
        return list(rest.get(path, **_limited(path, limit))[field])


def _ask_on_the_bus(path: str, field: str, limit: int) -> Iterable[dict[str, Any]]:
    """Ask where only the broker is known: HQ says there where REST is."""
    from idlehands.client import connect
    from idlehands.finding import find_house

    found = find_house()
    with connect(found.settings, timeout_seconds=_SECONDS, https_only=found.is_https) as client:
        return list(client.rest.get(path, **_limited(path, limit))[field])


def _limited(path: str, limit: int) -> dict[str, int]:
    return {"limit": limit} if path in ("/jobs", "/sweeps", "/datasets", "/models", "/pipelines") else {}


@contextlib.contextmanager
def _silent() -> Iterator[None]:
    with open(os.devnull, "w") as nowhere, contextlib.redirect_stderr(nowhere):
        yield


def _job(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    spec = row["spec"]
    name = spec.get("name") or spec["script"].get("name") or spec["script"]["entry"]
    yield row["id"], f"{name}, {row['status']}"


def _sweep(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    name = row["spec"].get("name") or row["spec"]["job"]["script"].get("name") or "sweep"
    yield row["id"], f"{name}, {row['status']}"


def _agent(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield row["name"], "online" if row.get("online") else "offline"


def _service(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield row["service"], f"version {row['version']}"


def _dataset(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield row["name"], f"{row['files']} files, {row['bytes']} bytes"


def _model(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield row["name"], f"{row['versions']} versions"
    for stage, version in row["stages"].items():
        yield f"{row['name']}@{stage}", f"version {version}"


def _model_address(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for word, what in _model(row):
        yield f"model://{word}", what


def _pipeline(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield row["pipeline"], f"{row['name']}, {row['status']}"


def _schedule(row: dict[str, Any]) -> Iterator[tuple[str, str]]:
    yield row["schedule"], row["cron"]


sweeps = complete("/sweeps", "sweeps", _sweep)
jobs = complete("/jobs", "jobs", _job)
jobs_and_sweeps = complete("/jobs", "jobs", _job, sweeps)
jobs_and_models = complete("/jobs", "jobs", _job, complete("/models", "models", _model_address))
agents = complete("/agents", "agents", _agent)
services = complete("/services", "services", _service)
datasets = complete("/datasets", "datasets", _dataset)
models = complete("/models", "models", _model)
pipelines = complete("/pipelines", "pipelines", _pipeline)
schedules = complete("/schedules", "schedules", _schedule)
