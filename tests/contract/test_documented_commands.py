"""The commands of README, operating page and protocol page run as they stand, on a real house."""

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
    with start_house(tmp_path_factory.mktemp("documented") / "house", AgentOptions(1)) as running:
        yield running


def test_the_commands_of_the_pages_run_as_they_stand(house: RunningHouse, tmp_path: Path) -> None:
    printed = run_blocks(read_blocks(ROOT / "README.md"), tmp_path, house.home.path)
    operating = run_blocks(read_blocks(ROOT / "docs" / "operating.md"), tmp_path, house.home.path)

    assert '{"score":0.99}' in printed
    assert "finished: 6 succeeded, 0 did not" in printed
    assert len([line for line in printed.splitlines() if line.startswith('{"job"')]) >= 7
    assert all(word in operating for word in ("RESTARTS", '"mongodb":', "position", "ACCEPTING"))
    assert (tmp_path / "restored" / "house.json").exists()


def test_the_examples_of_the_protocol_run_as_they_stand(house: RunningHouse, tmp_path: Path) -> None:
    blocks = read_blocks(ROOT / "docs" / "protocol.md", "## Examples")

    # The watching ends when all is seen, not after its twenty seconds.
    run_blocks([*blocks, "sleep 1; kill $!; wait"], tmp_path, house.home.path)

    assert json.loads((tmp_path / "pong.json").read_text())["data"]["ok"] is True
    (job,) = json.loads((tmp_path / "reply.json").read_text())["data"]["result"]["jobs"]
    read = json.loads((tmp_path / "job.json").read_text())
    assert read["status"] == "succeeded"
    assert read["results"][0]["result"]["result"] == {"area": 9.0}
    assert read["submitter"] == "olga"
    stored = json.loads((tmp_path / "events.json").read_text())["events"]
    by_olga = [one for one in stored if one["event"].get("submitter") == "olga"]
    assert [one["event"]["type"] for one in by_olga] == ["JobSubmitted", "RequestAnswered"]
    watched = (tmp_path / "watched.txt").read_text()
    kinds = ("up/heartbeat", "down/offer", "up/claim", "down/grant", "up/result", "down/ack")
    assert all(f"/{kind} " in watched for kind in kinds)
    assert f"idlehands/v1/job/{job}/event " in watched
