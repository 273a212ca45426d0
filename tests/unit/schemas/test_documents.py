"""The generated documents are what the code says, and say something."""

import json
from pathlib import Path
from typing import Any

from bus.documents import build_asyncapi, build_documents
from bus.topics import ALL_TOPICS

DOCS = Path(__file__).parents[3] / "docs"


def test_the_documents_are_not_stale() -> None:
    stale = [
        path
        for path, text in build_documents().items()
        if not (DOCS / path).exists() or (DOCS / path).read_text() != text
    ]
    assert not stale, "run `python -m bus.documents`"


def test_no_document_is_left_over() -> None:
    written = {path for path in build_documents() if path.startswith("schemas/")}

    assert {f"schemas/{file.name}" for file in (DOCS / "schemas").iterdir()} == written


def test_every_topic_is_a_channel() -> None:
    addresses = {channel["address"] for channel in build_asyncapi()["channels"].values()}

    assert addresses == {f"idlehands/v1/{topic.template}" for topic in ALL_TOPICS}


def _references(value: Any) -> set[str]:
    if isinstance(value, dict):
        own = {value["$ref"]} if isinstance(value.get("$ref"), str) else set()
        return own.union(*(_references(inner) for inner in value.values()))
    if isinstance(value, list):
        return set().union(*(_references(inner) for inner in value))
    return set()


def test_every_reference_leads_somewhere() -> None:
    for path, text in build_documents().items():
        document = json.loads(text)
        for reference in _references(document):
            found = document
            for part in reference.removeprefix("#/").split("/"):
                assert part in found, f"{path}: {reference}"
                found = found[part]
