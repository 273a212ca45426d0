"""docs/protocol.md, examples: they run as they stand, with mosquitto's clients and curl, on a real house."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from idlehands.house.components import AgentOptions
from idlehands.house.running import RunningHouse, start_house
from tests.unit.docs.pages import ROOT, read_blocks, run_blocks

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHouse]:
    with start_house(tmp_path_factory.mktemp("examples") / "house", AgentOptions(1)) as running:
        yield running


def test_the_examples_run_as_they_stand(house: RunningHouse, tmp_path: Path) -> None:
    blocks = read_blocks(ROOT / "docs" / "protocol.md", "## Examples")

    run_blocks([*blocks, "wait"], tmp_path, house.home.path)

    assert json.loads((tmp_path / "pong.json").read_text())["data"]["ok"] is True
    (job,) = json.loads((tmp_path / "reply.json").read_text())["data"]["result"]["jobs"]
    read = json.loads((tmp_path / "job.json").read_text())
    assert read["status"] == "succeeded"
    assert read["results"][0]["result"]["result"] == {"area": 9.0}
    assert read["submitter"] == "olga"
    stored = json.loads((tmp_path / "events.json").read_text())["events"]
    assert [one["event"]["type"] for one in stored].count("JobSubmitted") == 1
    watched = (tmp_path / "watched.txt").read_text()
    kinds = ("up/heartbeat", "down/offer", "up/claim", "down/grant", "up/result", "down/ack")
    assert all(f"/{kind} " in watched for kind in kinds)
    assert f"idlehands/v1/job/{job}/event " in watched
