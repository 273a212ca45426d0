"""The pages' commands run as they stand, on a real house, and their links lead somewhere."""

import json
import re
from pathlib import Path

import pytest

from idlehands.house.components import AgentOptions
from idlehands.house.running import start_house
from tests.unit.docs.pages import ROOT, read_blocks, run_blocks

README = ROOT / "README.md"


@pytest.mark.process
def test_the_commands_of_the_pages_run_as_they_stand(tmp_path: Path) -> None:
    with start_house(tmp_path / "house", AgentOptions(1)) as house:
        printed = run_blocks(read_blocks(README), tmp_path, house.home.path)
        operating = read_blocks(ROOT / "docs" / "operating.md")
        status = run_blocks(operating, tmp_path, house.home.path)

    assert '{"score":0.99}' in printed
    assert "finished: 6 succeeded, 0 did not" in printed
    results = [json.loads(line) for line in printed.splitlines() if line.startswith('{"job"')]
    assert len(results) >= 7
    assert all(word in status for word in ("RESTARTS", '"mongodb":', "position", "accepting".upper()))


def test_every_link_of_every_page_leads_somewhere() -> None:
    for page in (README, *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_layout_names_every_package() -> None:
    named = set(re.findall(r"^    (\w+)/ ", README.read_text(), re.M))
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}

    assert packages | {"scripts", "docs"} == named


def test_every_word_of_run_that_the_readme_names_is_one() -> None:
    words = set(re.findall(r"\./run ([a-z][a-z-]*)", README.read_text()))
    script = (ROOT / "run").read_text()
    commands = "".join(path.read_text() for path in (ROOT / "idlehands" / "cli").glob("*.py"))

    for word in words:
        assert f'"{word}"' in commands or re.search(rf"^    [\w |-]*\b{word}\b[\w |-]*\)", script, re.M), word
