"""The README names what is there; links of all pages lead somewhere."""

import re

from tests.unit.docs.pages import ROOT

README = ROOT / "README.md"


def test_every_link_of_every_page_leads_somewhere() -> None:
    for page in (README, *(ROOT / "docs").rglob("*.md")):
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", page.read_text()):
            if not target.startswith("http"):
                assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_layout_names_every_package() -> None:
    named = set(re.findall(r"^    (\w+)/ ", README.read_text(), re.M))
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}

    assert packages | {"scripts", "docs", "deploy"} == named
    assert all((ROOT / name).is_dir() for name in named)


def test_every_word_of_run_that_the_readme_names_is_one() -> None:
    words = set(re.findall(r"\./run ([a-z][a-z-]*)", README.read_text()))
    script = (ROOT / "run").read_text()
    commands = "".join(path.read_text() for path in (ROOT / "idlehands" / "cli").glob("*.py"))

    for word in words:
        assert f'"{word}"' in commands or re.search(rf"^    [\w |-]*\b{word}\b[\w |-]*\)", script, re.M), word
