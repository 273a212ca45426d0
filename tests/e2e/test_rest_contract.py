"""REST against its own OpenAPI document, by schemathesis: with an admin's token, and with none.

It makes requests from the document, valid and not, follows links from answer to
request, and checks every answer. What it finds can be repeated with the curl
command that it prints.
"""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from pymongo import MongoClient

from hq.rest import failures, queries
from hq.rest.policy import RULES
from tests.fixtures.mongod import MongodServer
from tests.permissions.premises import Premises, premises

pytestmark = pytest.mark.process
CONFIGURATION = Path(__file__).with_name("rest_contract.toml")
#: Also open to strangers.
OPEN = {rule.path for rule in RULES if rule.open}


class Report:
    """What schemathesis asked and was answered."""

    def __init__(self, done: subprocess.CompletedProcess[str], file: Path) -> None:
        self.done = done
        log = json.loads(file.read_text())["log"] if file.exists() else {"entries": []}
        self.entries: list[dict[str, Any]] = log["entries"]

    def check(self) -> None:
        """Fail with all that it found, if it found anything."""
        words = "\n".join(line[:500] for line in self.done.stdout.splitlines())
        assert self.done.returncode == 0, f"{words}\n{self.done.stderr[-3000:]}"

    def statuses(self) -> dict[tuple[str, str], set[int]]:
        """Return what was answered, by method and path of the policy table."""
        found: dict[tuple[str, str], set[int]] = {}
        for entry in self.entries:
            request = entry["request"]
            path = re.sub(r"^https?://[^/]+", "", request["url"]).partition("?")[0]
            rule = next((rule.path for rule in RULES if rule.matches(path)), path)
            found.setdefault((request["method"], rule), set()).add(entry["response"]["status"])
        return found


@pytest.fixture(scope="module")
def server(mongod_server: MongodServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Premises]:
    name = f"test_{uuid4().hex[:12]}"
    with pytest.MonkeyPatch.context() as patched:
        # Positions that are not there yet are asked for often; the wait for each is what takes time.
        patched.setattr(queries.catch_up, "__defaults__", (0.05,))
        # Each operation is tried with a wrong token; that such are told to wait is for the gate's own tests.
        patched.setattr(failures, "FAILURES_ALLOWED", 1000)
        with premises(mongod_server.uri_of(name), tmp_path_factory.mktemp("server")) as opened:
            yield opened
    with MongoClient(mongod_server.uri) as mongo:
        mongo.drop_database(name)


def run(server: Premises, folder: Path, seconds: int, *words: str) -> Report:
    """Run schemathesis for at most so long."""
    report = folder / "report.har"
    document = folder / "openapi.json"
    document.write_text(json.dumps(server.app.openapi()))
    command = [str(Path(sys.executable).with_name("st")), "--config-file", str(CONFIGURATION)]
    command += ["run", str(document), "--url", server.server.url, "--max-time", str(seconds)]
    command += ["--seed", "1", "--no-color", "--continue-on-failure", "--warnings", "off"]
    command += ["--suppress-health-check", "all", "--report", "har", "--report-har-path", str(report)]
    done = subprocess.run(
        [*command, *words],
        cwd=folder,
        env=os.environ | {"SCHEMATHESIS_HOOKS": "tests.e2e.rest_checks", "PYTHONPATH": os.getcwd()},
        capture_output=True,
        text=True,
        timeout=seconds + 120,
        check=False,
    )
    return Report(done, report)


def ask_all(server: Premises, folder: Path, seconds: int, *words: str) -> Report:
    """Run it, and anew for longer where a busy machine did not come to every operation; check each run."""
    for number, budget in enumerate((seconds, 3 * seconds, 10 * seconds)):
        place = folder / str(number)
        place.mkdir()
        report = run(server, place, budget, *words)
        report.check()
        if operations(server) <= set(report.statuses()):
            return report
    raise AssertionError("an operation was never asked for")


def operations(server: Premises) -> set[tuple[str, str]]:
    paths = server.app.openapi()["paths"]
    return {(method.upper(), path) for path, methods in paths.items() for method in methods}


@pytest.mark.parametrize("seconds", [20, pytest.param(240, marks=pytest.mark.slow)])
def test_rest_keeps_what_its_document_says(server: Premises, tmp_path: Path, seconds: int) -> None:
    token = server.tokens["admin"]

    report = ask_all(server, tmp_path, seconds, "-H", f"Authorization: Bearer {token}", "--checks", "all")

    asked = report.statuses()
    did = {key for key, statuses in asked.items() if statuses & {200, 201}}
    assert {("POST", "/api/v1/jobs"), ("POST", "/api/v1/sweeps"), ("GET", "/api/v1/jobs")} <= did


@pytest.mark.parametrize("seconds", [12, pytest.param(60, marks=pytest.mark.slow)])
def test_without_a_token_every_operation_is_refused(server: Premises, tmp_path: Path, seconds: int) -> None:
    report = ask_all(server, tmp_path, seconds, "--checks", "not_a_server_error,content_type_conformance")

    for (method, path), statuses in report.statuses().items():
        if path not in OPEN:
            assert statuses <= {400, 401, 429}, (method, path, statuses)
