"""Any MQTT client can submit and watch by the protocol alone: `mosquitto_pub` and `mosquitto_sub`."""

import hashlib
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from idlehands.bundle import build_bundle
from idlehands.house.running import RunningHouse
from tests.e2e import mosquitto
from tests.e2e.workplace import SCRIPT, Workplace, status_json
from tests.fixtures.broker import eventually

pytestmark = pytest.mark.process
ROOT = "idlehands/v1"


def put_blob(house: RunningHouse, content: bytes) -> str:
    """Store a blob as any HTTP client would, and return its sha256."""
    sha256 = hashlib.sha256(content).hexdigest()
    token = (house.home.client("cli") / "token").read_text().strip()
    request = urllib.request.Request(  # noqa: S310 - our own server
        f"{status_json(house, 'status')['rest']}/blobs/{sha256}",
        data=content,
        method="PUT",
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/octet-stream"},
    )
    with urllib.request.urlopen(request) as answered:  # noqa: S310
        assert answered.status in (200, 201, 204)
    return sha256


def read_messages(output: Path) -> list[tuple[str, dict[str, Any]]]:
    """Return (topic below the root, data) of every whole line that `mosquitto_sub -v` printed."""
    lines = output.read_text().splitlines(keepends=True)
    whole = [line.partition(" ") for line in lines if line.endswith("\n")]
    return [(topic.removeprefix(f"{ROOT}/"), json.loads(payload)["data"]) for topic, _, payload in whole]


def mentions(data: dict[str, Any], job: str) -> bool:
    return job in json.dumps(data)


def test_a_job_submitted_with_mosquitto_pub_runs_and_mosquitto_sub_sees_all_of_it(
    house: RunningHouse, work: Workplace, tmp_path: Path
) -> None:
    certificate = house.home.client("cli")
    bundle = build_bundle(SCRIPT)
    spec = {
        "script": {"bundle": put_blob(house, bundle.content), "entry": bundle.entry},
        "params": {"ledger": str(work.ledger), "tag": "by hand", "seconds": 1.5},
        # Such a job is always offered. Others may be granted to an agent that has claimed ahead.
        "exclusive": True,
    }
    message = {
        "specversion": "1.0",
        "id": "by-hand-1",
        "source": "mosquitto_pub",
        "type": "idlehands.request",
        "data": {"kind": "submit", "key": "by-hand", "jobs": [spec]},
    }

    with mosquitto.watching(house.home, certificate, tmp_path / "seen") as output:
        mosquitto.publish(house.home, certificate, "client/cli/up/request", json.dumps(message).encode())

        def replies() -> list[dict[str, Any]]:
            return [data for topic, data in read_messages(output) if topic == "client/cli/down/reply"]

        eventually(lambda: replies() != [])
        (reply,) = replies()
        assert reply["request"] == "by-hand-1"
        assert reply["ok"]
        (job,) = reply["result"]["jobs"]

        def seen(kind: str) -> list[int]:
            """Return the places in the output of messages of this kind about the job."""
            return [
                place
                for place, (topic, data) in enumerate(read_messages(output))
                if topic.endswith(kind) and (mentions(data, job) or topic.startswith(f"job/{job}/"))
            ]

        def events() -> list[str]:
            return [
                data["event"]["type"] for topic, data in read_messages(output) if topic == f"job/{job}/event"
            ]

        # What HQ publishes of one commit reaches the file in pieces.
        eventually(lambda: "JobSucceeded" in events() and seen("down/ack") != [], 60)
        order = ["down/offer", "up/claim", "down/grant", "up/progress", "up/result"]
        firsts = [min(seen(kind), default=-1) for kind in order]
        assert -1 not in firsts, dict(zip(order, firsts, strict=True))
        assert firsts == sorted(firsts)
        assert seen("up/heartbeat"), "the agent says in its heartbeat that it runs the job"
        assert events() == ["JobSubmitted", "JobClaimed", "JobSucceeded"]
        assert any(topic == f"job/{job}/progress" for topic, _ in read_messages(output))

    assert work.wait_final([job]) == {job: "succeeded"}
    assert [entry.tag for entry in work.entries("end", [job])] == ["by hand"]
