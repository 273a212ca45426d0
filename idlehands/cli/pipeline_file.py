"""A file with a pipeline: its scripts are paths beside it, its spaces words as `--space` takes them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from idlehands.cli import words
from idlehands.cli.exits import REFUSED, Stop
from idlehands.cli.script_arguments import check_sweep_file
from idlehands.client import Client
from schemas.pipelines import PipelineSpec

_FORM = "steps: [{name: prepare, job: {script: prepare.py}}, {name: search, sweep: {job: ..., space: ...}}]"


def read_pipeline(file: Path) -> dict[str, Any]:
    """Return the pipeline in a JSON or YAML file, as it is written but for spaces.

    Raises:
        Stop: If it cannot be read or is no pipeline.
    """
    try:
        given = words.read_document(file)
    except OSError as error:
        raise Stop(REFUSED, f"Cannot read {file}: {error.strerror}") from None
    except msgspec.DecodeError as error:
        raise Stop(REFUSED, f"{file} is not JSON: {error}") from None
    return complete_pipeline(given, str(file))


def complete_pipeline(given: Any, what: str) -> dict[str, Any]:
    """Return a pipeline with what may be written shorter in its place; `what` is what errors call it.

    Raises:
        Stop: If it is no pipeline, or a space cannot be understood.
    """
    steps = given.get("steps") if isinstance(given, dict) else None
    if not isinstance(steps, list) or not all(isinstance(step, dict) for step in steps):
        raise Stop(REFUSED, f"{what} is no pipeline. It needs {_FORM}")
    for step in steps:
        for name in ("after", "after_any"):
            if isinstance(step.get(name), str):
                step[name] = [step[name]]
        if isinstance(step.get("sweep"), dict):
            words.complete_sweep(step["sweep"])
    return dict(given)


def upload_scripts(
    client: Client, given: dict[str, Any], file: Path, author_key: Path | None, *, force: bool
) -> PipelineSpec:
    """Store the scripts that are named by their paths, and return the pipeline.

    Raises:
        Stop: If a script would not take what it is given, or a value is out of its bounds.
        BundleError: If there is no such script.
        AuthorKeyUnusable: If there is no key in that file.
    """
    with_jobs = list(_with_jobs(given, file))
    # All are looked at before the first is sent.
    for one in with_jobs:
        if isinstance(one["job"].get("script"), str):
            check_sweep_file(one, file, force=force)
    for one in with_jobs:
        words.upload_named_script(client, one, file, (), author_key)
    spec: PipelineSpec = words.checked(given, PipelineSpec)
    return spec


def _with_jobs(given: dict[str, Any], file: Path) -> Iterator[dict[str, Any]]:
    """Yield what has a job: each step, or its sweep."""
    for step in given["steps"]:
        one = step.get("sweep") or step
        if not isinstance(one, dict) or not isinstance(one.get("job"), dict):
            name = step.get("name", "without a name")
            raise Stop(REFUSED, f"{file}: step {name!r} has no job. A pipeline is {_FORM}")
        yield one
