"""Text that tries to be more: escape sequences, forged lines, HTML, in output, names, errors and requests.

On a running house; looked at where people look: on the command line, on the page, and in the log files.
"""

import http.client
import json
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from bus.settings import BusSettings
from bus.topics import DEFAULT_ROOT
from idlehands.client import Client, connect
from idlehands.house.components import AgentOptions
from idlehands.house.running import RunningHouse, start_house
from schemas.states import FINAL_STATUSES
from tests.e2e.page.scripts import submit
from tests.fixtures import commands
from tests.fixtures.broker import eventually
from tests.permissions.line import Line

pytestmark = pytest.mark.process
#: Begins a line of its own wherever it is printed as it is.
FORGED = "2026-01-01 00:00:00,000 INFO hq: FORGED all is well"
ESCAPES = "\x1b[2J\x1b[1;31mRED\x1b[0m\x1b]0;TITLE\x07\x1b]8;;http://evil.example\x1b\\LINK\x1b]8;;\x1b\\\x9b31m\x08\x08\r"
HOSTILE = f"{ESCAPES}\n{FORGED}\n<script>window.hacked=1</script>\u202egnp.exe\u2028{FORGED}\x85{FORGED}"
SCRIPT = f"""
import json, sys
hostile = {HOSTILE!r}
print(hostile)
print(hostile, file=sys.stderr)
print(json.dumps({{"step": 1, hostile[:60]: 0.5}}), flush=True)
if "--fail" in sys.argv:
    raise RuntimeError(hostile)
print(json.dumps({{hostile[:100]: hostile, "fine": 1}}))
"""
#: What no line on a terminal may hold: everything that is not to be seen, but for its end and tabs.
UNSEEN = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHouse]:
    folder = tmp_path_factory.mktemp("texts") / "house"
    with start_house(folder, AgentOptions(count=1, slots=2), wait_seconds=120) as running:
        yield running


@pytest.fixture(scope="module")
def client(house: RunningHouse) -> Iterator[Client]:
    with connect(BusSettings.parse(house.home.broker_address, house.home.client("cli"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def jobs(client: Client, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """A job that succeeded and one that failed, hostile in every text that they have."""
    texts: dict[str, Any] = {"name": HOSTILE[:200], "params": {HOSTILE[:40]: HOSTILE}, "arguments": "stdin"}
    made = []
    for words in ([], ["--fail", HOSTILE[:100]]):
        folder = tmp_path_factory.mktemp("script")
        made.append(submit(client, folder, SCRIPT, argv=words, **texts))
    eventually(lambda: all(client.job(job)["status"] in FINAL_STATUSES for job in made), 90)
    assert [client.job(job)["status"] for job in made] == ["succeeded", "failed"]
    return made


def printed(house: RunningHouse, *words: str) -> str:
    """Return all that a command prints."""
    done = subprocess.run(
        [*commands.idlehands(), *words],
        env=os.environ | {"IDLEHANDS_HOME": str(house.home.path), "PYTHONIOENCODING": "utf-8"},
        capture_output=True,
        timeout=60,
        check=False,
    )
    return (done.stdout + done.stderr).decode()


def lines_of(text: str) -> list[str]:
    """Return the lines as a terminal ends them, not as Python does."""
    return text.split("\n")


@pytest.mark.parametrize("command", ["job", "logs", "jobs", "results", "status", "hq status", "agents"])
def test_the_command_line_prints_only_what_can_be_seen(
    house: RunningHouse, jobs: list[str], command: str
) -> None:
    for job in jobs:
        text = printed(house, *command.split(), *([job] if command in ("job", "logs") else []))

        assert text.strip()
        assert not UNSEEN.findall(text), [line for line in lines_of(text) if UNSEEN.search(line)][:3]
        if command != "logs":
            assert not [line for line in lines_of(text) if line.startswith("2026-01-01")]


def test_a_log_keeps_its_words(house: RunningHouse, jobs: list[str]) -> None:
    text = printed(house, "logs", jobs[0])

    for words in ("RED", "LINK", "<script>window.hacked=1</script>", "FORGED"):
        assert words in text


def test_refused_words_are_shown_harmless(house: RunningHouse) -> None:
    for words in (("job", HOSTILE), ("logs", HOSTILE), ("jobs", "--status", HOSTILE), ("cancel", HOSTILE)):
        text = printed(house, *words)
        assert text.strip()
        assert "\x1b]" not in text
        assert "\x1b[2J" not in text
        assert "Traceback" not in text


def test_no_file_of_the_house_has_a_line_that_somebody_else_wrote(
    house: RunningHouse, client: Client, jobs: list[str]
) -> None:
    host, _, port = house.home.web_url.rpartition("/")[2].partition(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    for path in (f"/{quote(HOSTILE)}", f"/api/v1/jobs/{quote(HOSTILE)}", "/assets/%0a%1b[2J"):
        for headers in ({}, {"Authorization": "Bearer " + "x" * 40}):
            connection.request("GET", path, headers=headers)
            connection.getresponse().read()
    connection.close()
    settings = BusSettings.parse(house.home.broker_address, house.home.client("cli"))
    with Line(settings) as line:
        for topic in (f"{DEFAULT_ROOT}/client/cli/up/request", f"{DEFAULT_ROOT}/client/cli/up/\x1b[2Jx"):
            for payload in (HOSTILE.encode(), json.dumps({"id": HOSTILE, "type": HOSTILE}).encode()):
                line.publish(topic.replace("\x1b", ""), payload)
        line.ping()
    client.status()

    for file in sorted(Path(house.home.logs).glob("*.log")):
        for entry in file.read_text(errors="surrogateescape").split("\n"):
            assert not entry.startswith("2026-01-01"), f"{file.name}: {entry[:200]}"
            assert "\x1b" not in entry, f"{file.name}: {entry[:200]!r}"
            assert "\r" not in entry.removesuffix("\r"), f"{file.name}: {entry[:200]!r}"


def test_json_for_programs_is_one_document_a_line_whatever_is_in_it(
    house: RunningHouse, jobs: list[str]
) -> None:
    for words in (("job", jobs[0]), ("logs", jobs[0]), ("jobs",), ("results",)):
        text = printed(house, *words, "--json")
        found = [json.loads(line) for line in lines_of(text) if line]
        assert found
        assert not re.search("[\x00-\x08\x0b-\x1f\x7f]", text), words
