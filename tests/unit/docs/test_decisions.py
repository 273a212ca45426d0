"""Decisions have their three parts and are listed; what the pages name in the repository is there."""

import ast
import re

from tests.simulation.mutants import MUTANTS
from tests.unit.docs.pages import ROOT

DECISIONS = sorted((ROOT / "docs" / "decisions").glob("[0-9]*.md"))
PAGES = [ROOT / "README.md", *(ROOT / "docs").rglob("*.md")]


def test_every_decision_has_context_choice_and_consequences() -> None:
    for page in DECISIONS:
        text = page.read_text()
        assert re.findall(r"^\*\*(\w+)\.\*\*", text, re.M) == ["Context", "Choice", "Consequences"], page.name
        assert text.startswith(f"# {page.name[:4]} "), page.name


def test_every_decision_is_listed_once_under_its_title() -> None:
    index = (ROOT / "docs" / "decisions" / "README.md").read_text()
    listed = re.findall(r"^\| \[(\d{4})\]\(([^)]+)\) \| (.+) \|$", index, re.M)

    assert [(page.name[:4], page.name) for page in DECISIONS] == [row[:2] for row in listed]
    assert [page.read_text().splitlines()[0] for page in DECISIONS] == [
        f"# {row[0]} {row[2]}" for row in listed
    ]


def test_every_path_that_a_page_names_is_there() -> None:
    packages = "hq|agents|bus|schemas|idlehands|dash_app|tests|docs|scripts|benchmarks|requirements"
    for page in PAGES:
        for path in re.findall(rf"`((?:{packages})/[\w/*.-]+)`", page.read_text()):
            # Topics, not paths.
            is_topic = path == "hq/state" or path.startswith(("idlehands/v", "idlehands/command/"))
            assert is_topic or any(ROOT.glob(path)), f"{page.name} names {path}"


def test_every_planted_bug_and_test_that_a_page_names_is_there() -> None:
    tests = {
        node.name
        for path in (ROOT / "tests").rglob("test_*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.FunctionDef)
    }
    for page in PAGES:
        text = page.read_text()
        named = set(re.findall(r"`(test_\w+)`", text))
        assert named <= tests, f"{page.name} names {sorted(named - tests)}"
        for sentence in re.findall(r"lanted\s+bugs?:?((?:\s+(?:and\s+)?`\w+`,?)+)", text):
            assert set(re.findall(r"`(\w+)`", sentence)) <= set(MUTANTS), page.name
    invariants = (ROOT / "docs" / "invariants.md").read_text()
    assert f"{len(MUTANTS)} planted bugs" in invariants
    assert re.findall(r"^\| I(\d+) ", invariants, re.M) == [str(number) for number in range(1, 25)]
