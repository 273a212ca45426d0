"""From options to a job spec: its script packed and stored, its arguments looked at."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from idlehands.cli import words
from idlehands.cli.data_words import check_data
from idlehands.cli.job_options import Placed, Template
from idlehands.cli.script_arguments import check_arguments

if TYPE_CHECKING:
    from idlehands.client import Client
    from schemas.specs import JobSpec, Needs, ScriptRef, Source


def checked_params(script: Path, argv: Sequence[str], given: Template) -> dict[str, Any]:
    """Return the parameters of a job.

    Raises:
        Stop: If one cannot be read, or the script would not take them.
    """
    params = words.parse_params(given.param or [])
    check_arguments(script, params, argv, given.arguments, force=given.force)
    return params


def store_script(client: "Client", script: Path, given: Placed) -> "tuple[ScriptRef, Source | None, Needs]":
    """Pack and store a script; return its reference, where it comes from and what it needs.

    Raises:
        BundleError: If there is no such script, or it cannot be packed.
        Stop: If what it needs cannot be understood.
        RequestRefused: With the server's words.
        HqUnreachable: If it cannot be stored now.
    """
    packed, needs = words.add_environment(script, given.env, given.include or [], given.needs())
    reference, source = words.upload_with_source(client, script, packed, given.author_key)
    return reference, source, needs


def build_job(
    client: "Client", script: Path, params: dict[str, Any], argv: Sequence[str], given: Template
) -> "JobSpec":
    """Return the spec of a job, with the script stored.

    Raises as `store_script`, and Stop if it names a dataset that the house has not.
    """
    check_data(client, [*params.values(), *argv], force=given.force)
    fields = given.spec_fields()
    reference, source, fields["needs"] = store_script(client, script, given)
    return words.build_spec(reference, params=params, argv=argv, source=source, **fields)
