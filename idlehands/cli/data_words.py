"""Looks, before a job is submitted, whether the house has the datasets that it names."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from idlehands.cli.exits import REFUSED, Stop
from schemas.datasets import PREFIX, Reference, parse_reference

if TYPE_CHECKING:
    from idlehands.client.reading import Reading


def check_data(client: "Reading", values: Sequence[Any], *, force: bool = False) -> None:
    """Do nothing if the house has what is named, or whether it has is not to be learnt now.

    Args:
        client: Who may ask the house.
        values: Of parameters, and words.
        force: Say nothing: it may come later.

    Raises:
        Stop: If it has not; the text says which, and what there is.
    """
    known: dict[str, list[str] | None] = {}
    for text in () if force else _find_named(values):
        try:
            reference = parse_reference(text)
        except ValueError as error:
            raise Stop(REFUSED, f"{error}. --force submits it all the same") from None
        if reference.name not in known:
            known[reference.name] = _read_versions(client, reference.name)
        if why := _why_missing(reference, known[reference.name]):
            raise Stop(REFUSED, f"{text[:200]!r}: {why}. --force submits it all the same")


def _find_named(values: Sequence[Any]) -> Iterator[str]:
    for value in values:
        if isinstance(value, list):
            yield from _find_named(value)
        elif isinstance(value, str) and value.startswith(PREFIX):
            yield value


def _read_versions(client: "Reading", name: str) -> list[str] | None:
    """Return the versions of a dataset, the newest first; None where that cannot be learnt."""
    from idlehands.client import HqUnreachable, RequestRefused

    try:
        return [str(row["sha256"]) for row in client.rest.get(f"/datasets/{name}")["versions"]]
    except RequestRefused as error:
        return [] if error.code == "not_found" else None
    except HqUnreachable:
        return None


def _why_missing(reference: Reference, versions: list[str] | None) -> str:
    if versions is None or any(one.startswith(reference.version) for one in versions):
        return ""
    if not versions:
        return (
            f"there is no dataset {reference.name}. `idlehands data list` shows all, and "
            f"`idlehands data add {reference.name} PATH` makes it"
        )
    known = ", ".join(one[:12] for one in versions[:3]) + (", ..." if len(versions) > 3 else "")
    return f"dataset {reference.name} has no version {reference.version}; it has {known}"
