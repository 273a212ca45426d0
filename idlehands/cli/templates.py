"""From words of the command line to what is submitted later: a job or a sweep, kept as a template."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idlehands.cli.exits import USAGE, Stop
from idlehands.cli.job_options import Template

if TYPE_CHECKING:
    from idlehands.client import Client


def build_template(
    client: "Client", script: Path | None, args: Sequence[str], sweep_file: Path | None, given: Template
) -> dict[str, Any]:
    """Return `{"job": spec}` or `{"sweep": spec}`, with the script stored.

    Args:
        client: Of the house.
        script: A Python file; or
        args: Words for it.
        sweep_file: A sweep, as `sweep --file` takes it.
        given: The job's options.

    Raises:
        Stop: If it cannot be submitted like this.
    """
    from idlehands.cli import words
    from idlehands.cli.building import build_job, checked_params
    from idlehands.cli.script_arguments import check_sweep_file
    from schemas.specs import SweepSpec

    if (script is None) == (sweep_file is None):
        raise Stop(USAGE, "Give a SCRIPT, or --sweep-file with a sweep spec, and not both")
    if sweep_file is not None:
        sweep = words.read_sweep_file(sweep_file)
        if isinstance(sweep["job"].get("script"), str):
            check_sweep_file(sweep, sweep_file, force=given.force)
        words.upload_named_script(client, sweep, sweep_file, given.include or [], given.author_key, given.env)
        return {"sweep": words.checked(sweep, SweepSpec)}
    assert script is not None  # noqa: S101 - one of the two
    params = checked_params(script, args, given)
    return {"job": build_job(client, script, params, args, given)}
