"""The page about operating quotes what the programs really say, and names what they really read."""

import re

from tests.unit.docs.pages import ROOT

PAGE = (ROOT / "docs" / "operating.md").read_text()
PACKAGES = ("bus", "hq", "agents", "dash_app", "idlehands", "schemas")


def _sources() -> str:
    texts = [path.read_text() for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]
    # Messages are written as several strings in a row.
    return re.sub(r'"\s*\n\s*f?"', "", "\n".join(texts))


def test_every_quoted_message_is_one_that_the_programs_say() -> None:
    table = PAGE.split("## What to do when")[1]
    first = re.findall(r"^\| ([^|]+) \|", table, re.M)
    quoted = {text for cell in first for text in re.findall(r"`([^`]+)`", cell)}
    sources = _sources()

    assert len(quoted) > 12
    assert {text for text in quoted if text not in sources} == set()


def test_every_variable_that_is_read_is_on_the_page() -> None:
    # Not those that an agent sets for its scripts.
    given = {
        "IDLEHANDS_" + name
        for name in (
            "JOB",
            "TOKEN",
            "CHECKPOINTS",
            "GENERATION",
            "SAVED",
            "SEED",
            "SECRETS",
            "STOP_FILE",
            "AGENT",
            "ATTEMPT",
            "ROOM",
        )
    }
    script = (ROOT / "run").read_text()
    read = set(re.findall(r"IDLEHANDS_[A-Z_]+[A-Z]", _sources() + script)) - given

    assert read == set(re.findall(r"IDLEHANDS_[A-Z_]+[A-Z]", PAGE))


def test_every_folder_of_a_house_is_on_the_page() -> None:
    home = (ROOT / "idlehands" / "house" / "home.py").read_text()
    listed = home.split('"""')[1]
    names = set(re.findall(r"([a-z.]+(?:/|\.json))", listed))

    assert {name for name in names if name not in PAGE} == set()
