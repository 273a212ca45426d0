"""The web and search processes as they are started: real broker, real database, real certificates."""

import hashlib
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest

from bus.paho_bus import PahoBus
from schemas.specs import JobSpec
from tests.fixtures.broker import BrokerServer
from tests.fixtures.mongod import MongodServer, free_port
from tests.unit.dash_app.little_house import LittleAgent, LittleHq, eventually

pytestmark = pytest.mark.process
API = "/api/v1"
TOKEN = "operator-" + "t" * 32
SWEEP = {
    "job": {"script": {"bundle": "0" * 64, "entry": "train.py"}},
    "space": {
        "lr": {"type": "float", "low": 1e-4, "high": 1, "log": True},
        "layers": {"type": "int", "low": 1, "high": 4},
    },
    "trials": 12,
    "parallel": 4,
    "metric": "accuracy",
}


class House:
    """The processes of one house, HQ and agent as threads of this one."""

    def __init__(self, broker: BrokerServer, uri: str, folder: Path) -> None:
        self.uri_file = folder / "uri"
        self.uri_file.write_text(uri + "\n")
        self.tokens = folder / "tokens.json"
        sha256 = hashlib.sha256(TOKEN.encode()).hexdigest()
        self.tokens.write_text(
            json.dumps([{"name": "ada", "role": "operator", "sha256": sha256, "created": 1}])
        )
        self.port = free_port()
        self._broker = broker
        self._processes: list[subprocess.Popen[bytes]] = []
        self.hq = LittleHq(PahoBus(broker.settings("hq", "service")), uri)
        self.agent = LittleAgent(PahoBus(broker.settings("attic", "agent")), "attic", accuracy)
        self.client = httpx.Client(
            base_url=f"http://127.0.0.1:{self.port}",
            headers={"authorization": f"Bearer {TOKEN}"},
            timeout=60,
            trust_env=False,
        )

    def start(self, module: str, name: str, *words: str) -> subprocess.Popen[bytes]:
        command = [sys.executable, "-m", module, "--broker", self._broker.address]
        command += ["--certificate", str(self._broker.issue(name, "service")), *words]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self._processes.append(process)
        return process

    def start_web(self) -> subprocess.Popen[bytes]:
        words = ["--mongodb-file", str(self.uri_file), "--tokens", str(self.tokens)]
        process = self.start("dash_app", "web", *words, "--listen", f"127.0.0.1:{self.port}")
        eventually(self._answers, 60)
        return process

    def _answers(self) -> bool:
        try:
            return self.client.get("/healthz").status_code == 200
        except httpx.TransportError:
            return False

    def stop(self) -> None:
        for process in self._processes:
            process.kill()
            process.wait()
        self.client.close()
        self.agent.stop()
        self.hq.stop()


def accuracy(spec: JobSpec) -> dict[str, Any]:
    return {"accuracy": round(1 - abs(spec.params["lr"] - 0.01), 6)}


@pytest.fixture
def house(broker: BrokerServer, mongodb_uri: str, tmp_path: Path) -> Iterator[House]:
    built = House(broker, mongodb_uri, tmp_path)
    built.hq.start()
    yield built
    built.stop()


def test_a_sweep_runs_over_rest_broker_and_database(house: House) -> None:
    web = house.start_web()
    search = house.start("hq.search", "search")
    house.agent.start()

    answer = house.client.post(f"{API}/sweeps", json=SWEEP, headers={"idempotency-key": uuid4().hex})
    assert answer.status_code == 201, answer.text
    sweep = answer.json()["sweep"]
    eventually(
        lambda: house.client.get(f"{API}/sweeps/{sweep}?at_least=1").json().get("status") == "finished", 40
    )

    rows = house.client.get(f"{API}/results", params={"sweep": sweep}).json()["results"]
    accuracies = [row["result"]["result"]["accuracy"] for row in rows]
    assert len(rows) == 12
    assert accuracies == sorted(accuracies, reverse=True)
    assert {row["agent"] for row in rows} == {"attic"}
    status = house.client.get(f"{API}/status").json()
    assert (status["trouble"], status["broker"]) == ([], True)
    for process in (web, search):
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) in (0, -signal.SIGTERM)


def test_a_web_process_that_was_killed_comes_back_with_everything(house: House) -> None:
    web = house.start_web()
    content = os.urandom(1_000_000)
    sha256 = hashlib.sha256(content).hexdigest()
    assert house.client.put(f"{API}/blobs/{sha256}", content=content).status_code == 201
    body = {"jobs": [{"script": {"bundle": sha256, "entry": "a.py"}}]}
    first = house.client.post(f"{API}/jobs", json=body, headers={"idempotency-key": "k"}).json()

    web.kill()
    web.wait()
    house.start_web()

    assert house.client.get(f"{API}/blobs/{sha256}").content == content
    again = eventually(lambda: _submitted(house, body))
    assert again == first


def _submitted(house: House, body: dict[str, Any]) -> Any:
    answer = house.client.post(f"{API}/jobs", json=body, headers={"idempotency-key": "k"})
    return answer.json() if answer.status_code == 201 else None


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", *words], capture_output=True, text=True, timeout=60, check=False
    )


@pytest.mark.parametrize(
    ("spoil", "expected"),
    [
        (lambda words: [*words[:2], "/no/such/dir", *words[3:]], "/no/such/dir/"),
        (lambda words: ["nonsense", *words[1:]], "is not HOST:PORT"),
    ],
)
def test_what_cannot_work_is_one_clear_error(
    broker: BrokerServer, tmp_path: Path, spoil: Callable[[list[str]], list[str]], expected: str
) -> None:
    words = spoil([broker.address, "--certificate", str(broker.issue("web", "service"))])
    uri = tmp_path / "uri"
    uri.write_text("mongodb://127.0.0.1:1/x")
    rest = ["--mongodb-file", str(uri), "--listen", "127.0.0.1:1", "--tokens", str(uri)]

    for done in (run("dash_app", "--broker", *words, *rest), run("hq.search", "--broker", *words)):
        assert done.returncode == 1
        assert expected in done.stderr
        assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("content", "expected"), [(None, "cannot read"), ("http://x", "no MongoDB URI"), ("", "no MongoDB URI")]
)
def test_a_uri_file_that_cannot_be_used_is_one_clear_error(
    broker: BrokerServer, tmp_path: Path, content: str | None, expected: str
) -> None:
    uri = tmp_path / "uri"
    if content is not None:
        uri.write_text(content)

    done = run(
        *("dash_app", "--broker", broker.address, "--certificate", str(broker.issue("web", "service"))),
        *("--mongodb-file", str(uri), "--listen", "127.0.0.1:1", "--tokens", str(uri)),
    )

    assert done.returncode == 1
    assert expected in done.stderr
    assert "Traceback" not in done.stderr


def test_another_name_may_not_be_the_search_process(broker: BrokerServer) -> None:
    done = run("hq.search", "--broker", broker.address, "--certificate", str(broker.issue("web", "service")))

    assert done.returncode == 1
    assert "from 'search' only" in done.stderr


def test_the_database_that_is_away_is_an_honest_503(
    broker: BrokerServer, private_mongod: MongodServer, tmp_path: Path
) -> None:
    house = House(broker, private_mongod.uri, tmp_path)
    house.hq.start()
    try:
        house.start_web()
        assert house.client.get(f"{API}/jobs").status_code == 200
        private_mongod.kill()

        answer = eventually(
            lambda: (found := house.client.get(f"{API}/jobs")).status_code == 503 and found, 30
        )
        assert answer.json()["code"] == "database"
        status = house.client.get(f"{API}/status").json()
        assert any("database" in trouble for trouble in status["trouble"])

        private_mongod.start()
        eventually(lambda: house.client.get(f"{API}/jobs").status_code == 200, 60)
    finally:
        house.stop()
