"""The Dockerfile, without a container engine: what it copies is there, and nothing runs as root."""

import re
import shutil
import subprocess
import sys
import tomllib
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from tests.unit.deploy.composition import ROOT, read_compose

DOCKERFILE = ROOT / "deploy" / "Dockerfile"
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def stages() -> dict[str, list[list[str]]]:
    """Return the instructions of each stage, as words; the first is its FROM."""
    text = re.sub(r"(?m)^#.*\n", "", DOCKERFILE.read_text()).replace("\\\n", " ")
    found: dict[str, list[list[str]]] = {}
    for line in filter(None, text.splitlines()):
        words = line.split()
        if words[0] == "FROM":
            current = found.setdefault(words[3], [])
        current.append(words)
    return found


def inherited(name: str) -> list[list[str]]:
    """Return the instructions of a stage and of those that it is built on."""
    own = stages()[name]
    parent = own[0][1]
    return [*(inherited(parent) if parent in stages() else []), *own]


def copied(name: str) -> list[str]:
    """Return what a stage takes from the repository."""
    return [
        source
        for words in inherited(name)
        if words[0] == "COPY" and not words[1].startswith("--from")
        for source in words[1:-1]
    ]


@pytest.mark.parametrize("name", ["build-hq", "build-agent"])
def test_everything_that_is_copied_is_there_and_not_kept_out(name: str) -> None:
    lines = (ROOT / "deploy" / "Dockerfile.dockerignore").read_text().split("\n")
    let_in = [line[1:] for line in lines if line.startswith("!")]

    for source in copied(name):
        assert (ROOT / source).exists(), source
        assert any(fnmatch(source, pattern) for pattern in let_in), source


def test_an_image_holds_every_package_that_it_runs() -> None:
    packages = {
        pattern.removesuffix("*") for pattern in PROJECT["tool"]["setuptools"]["packages"]["find"]["include"]
    }

    assert packages <= set(copied("build-hq"))
    assert {"agents", "bus", "schemas", "idlehands"} <= set(copied("build-agent"))


def test_the_extras_that_are_installed_exist() -> None:
    text = DOCKERFILE.read_text()
    extras = re.findall(r'"\.\[([a-z,]+)\]"', text)

    assert extras == ["hq", "environments"]
    assert set(extras) <= set(PROJECT["project"]["optional-dependencies"])


@pytest.mark.parametrize("name", ["hq", "agent"])
def test_an_image_is_pinned_small_and_not_roots(name: str) -> None:
    instructions = inherited(name)

    assert next(words[1] for words in instructions if words[0] == "FROM") == "python:3.12-slim"
    assert [words[1] for words in instructions if words[0] == "USER"] == ["999:999"]
    assert instructions[-1][0] == "CMD"
    # What builds it stays behind.
    assert not any("apt-get" in words for words in instructions)


def test_the_composition_builds_the_stages_that_there_are_and_runs_as_their_user() -> None:
    services: dict[str, Any] = read_compose()["services"]
    built = {service["build"]["target"] for service in services.values() if "build" in service}

    assert built == {"hq", "agent"}
    for service in services.values():
        if "build" in service:
            assert (ROOT / service["build"]["dockerfile"]) == DOCKERFILE


def test_every_folder_of_a_volume_belongs_to_the_user_in_the_image_that_fills_it_first() -> None:
    made = {
        word
        for words in inherited("hq") + inherited("agent")
        if "install" in words
        for word in words
        if word[0] == "/"
    }
    services: dict[str, Any] = read_compose()["services"]
    mounted = {
        entry.split(":")[1]
        for service in services.values()
        if "build" in service
        for entry in service["volumes"]
    }

    assert mounted - {"/backups", "/settings"} <= made


def test_an_agent_and_its_health_check_need_none_of_hqs_libraries() -> None:
    """The agent's image has two dependencies; whatever else is imported is missing there."""
    absent = [
        "pymongo",
        "bson",
        "gridfs",
        "fastapi",
        "uvicorn",
        "starlette",
        "dash",
        "pandas",
        "numpy",
        "psutil",
    ]
    absent += ["cryptography", "typer", "rich", "platformdirs", "hq", "dash_app"]
    code = (
        f"import sys; sys.modules.update(dict.fromkeys({absent!r}))\n"
        "import agents.__main__, agents.runner.subprocess_runner, idlehands.house.health\n"
    )

    done = subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, cwd=Path("/"), check=False
    )

    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("name", "there", "absent"),
    [
        ("build-hq", ["hq/__main__.py", "dash_app/assets", "dash_app/login", "agents/__main__.py"], []),
        ("build-agent", ["agents/__main__.py", "agents/injected/idlehands.py"], ["hq", "dash_app"]),
    ],
)
def test_what_is_copied_can_be_installed(
    name: str, there: list[str], absent: list[str], tmp_path: Path
) -> None:
    """The stage's own `pip install`, less the dependencies, which need a package index."""
    for source in copied(name):
        target = tmp_path / "src" / source
        target.parent.mkdir(parents=True, exist_ok=True)
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(ROOT / source, target)
    flags = ["--no-deps", "--no-build-isolation", "--no-index", "--quiet", "--disable-pip-version-check"]

    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *flags, "--target", str(tmp_path / "made"), "."],
        cwd=tmp_path / "src",
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    assert [one for one in there if not (tmp_path / "made" / one).exists()] == []
    assert [one for one in absent if (tmp_path / "made" / one).exists()] == []
