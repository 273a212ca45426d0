"""The Python client against a real authority, a real database and real REST."""

import threading
from pathlib import Path

import pytest

from idlehands.client import (
    Client,
    HqUnreachable,
    LogUpdate,
    ProgressUpdate,
    RequestRefused,
    StatusUpdate,
    Update,
)
from idlehands.client.rest import Rest
from schemas.facts import AttemptResult, Failure, MetricPoint
from schemas.states import JobStatus, Outcome
from tests.contract.bus_worlds import eventually
from tests.unit.dash_app.conftest import LittleHouse
from tests.unit.idlehands.client.conftest import SteeredAgent, make_client, spec

pytestmark = pytest.mark.process


class Following:
    """A job followed on a thread of its own."""

    def __init__(self, client: Client, job: str) -> None:
        self.updates: list[Update] = []
        self._thread = threading.Thread(target=self._run, args=(client, job), daemon=True)
        self._thread.start()

    def _run(self, client: Client, job: str) -> None:
        for update in client.follow(job):
            self.updates.append(update)

    def wait(self) -> list[Update]:
        self._thread.join(60)
        assert not self._thread.is_alive(), self.updates
        return self.updates

    def statuses(self) -> list[JobStatus]:
        return [update.status for update in self.updates if isinstance(update, StatusUpdate)]

    def lines(self) -> list[str]:
        return [line for update in self.updates if isinstance(update, LogUpdate) for line in update.lines]


def succeeded(agent: SteeredAgent, job: str) -> AttemptResult:
    return AttemptResult(
        job, agent.granted(job).token, Outcome.SUCCEEDED, exit_code=0, result={"accuracy": 0.9}
    )


def test_a_submitted_job_is_there_at_the_position_of_its_answer(client: Client) -> None:
    changed = client.submit([spec("nobody", lr=0.1)])

    found = client.job(changed.jobs[0], at_least=changed.position)
    assert (found["status"], found["spec"]["params"]) == ("queued", {"lr": 0.1})
    assert "agent" in client.explain(changed.jobs[0])


def test_many_specs_come_back_as_ids_in_their_order(client: Client) -> None:
    specs = [spec("nobody", number=number, filler="x" * 200) for number in range(1500)]

    changed = client.submit(specs)

    assert len(set(changed.jobs)) == 1500
    for number in (0, 777, 1499):
        found = client.job(changed.jobs[number], at_least=changed.position)
        assert found["spec"]["params"]["number"] == number


def test_the_same_key_submits_once(client: Client) -> None:
    specs = [spec("nobody", number=number, filler="x" * 1000) for number in range(300)]

    first, second = client.submit(specs, key="once"), client.submit(specs, key="once")

    assert first.jobs == second.jobs
    with pytest.raises(RequestRefused) as caught:
        client.submit([spec("nobody", other=1)], key="once")
    assert caught.value.code == "key_reused"


def test_hold_release_cancel_and_retry_change_a_job(client: Client) -> None:
    job = client.submit([spec("nobody")]).jobs[0]

    for verb, status in ((client.hold, "held"), (client.release, "queued"), (client.cancel, "cancelled")):
        position = verb([job]).position
        assert client.job(job, at_least=position)["status"] == status
    again = client.retry([job])

    assert client.job(again.jobs[0], at_least=again.position)["spec"]["retry_of"] == job
    with pytest.raises(RequestRefused, match="too late") as caught:
        client.cancel([job])
    assert caught.value.code == "already_final"


def test_a_job_is_followed_from_queue_to_result(client: Client, agent: SteeredAgent) -> None:
    job = client.submit([spec(agent.name)]).jobs[0]
    agent.granted(job)
    following = Following(client, job)
    eventually(lambda: following.statuses())

    agent.progress(job, 50, MetricPoint(0, 1.0, {"loss": 0.5}))
    agent.log(job, 0, "one", "two")
    agent.log(job, 0, "one", "two")
    agent.log(job, 1, "two", "three")
    eventually(lambda: "three" in following.lines())
    agent.end(succeeded(agent, job))

    updates = following.wait()
    assert following.statuses()[-1] is JobStatus.SUCCEEDED
    assert following.lines() == ["one", "two", "three"]
    assert [u for u in updates if isinstance(u, ProgressUpdate)] == [
        ProgressUpdate(50, (MetricPoint(0, 1.0, {"loss": 0.5}),))
    ]


def test_following_a_job_that_has_ended_ends_at_once_with_its_log(
    house: LittleHouse, client: Client, agent: SteeredAgent
) -> None:
    job = client.submit([spec(agent.name)]).jobs[0]
    token = agent.granted(job).token
    row = {"job": job, "token": token, "stream": "stdout", "agent": agent.name}
    house.store("logs", {"_id": 1_000_001, "seq": 0, "lines": ["a", "b"], **row})
    house.store("logs", {"_id": 1_000_002, "seq": 4, "lines": ["e"], **row})
    failure = Failure("exit_code", "it ended with 3")
    agent.end(AttemptResult(job, token, Outcome.FAILED, exit_code=3, failure=failure))
    eventually(lambda: client.job(job)["status"] == "failed")

    updates = list(client.follow(job))

    assert updates[:2] == [LogUpdate(("a", "b")), LogUpdate(("e",), missed=2)]
    assert isinstance(updates[-1], StatusUpdate)
    assert updates[-1].status is JobStatus.FAILED


def test_following_survives_a_lost_connection(
    house: LittleHouse, client: Client, agent: SteeredAgent
) -> None:
    job = client.submit([spec(agent.name)]).jobs[0]
    agent.granted(job)
    following = Following(client, job)
    eventually(lambda: following.statuses())

    house.hub.cut(client._bus)  # type: ignore[arg-type]
    agent.end(succeeded(agent, job))

    following.wait()
    assert following.statuses()[-1] is JobStatus.SUCCEEDED


def test_following_what_does_not_exist_is_an_error(client: Client) -> None:
    with pytest.raises(RequestRefused) as caught:
        list(client.follow("jaaaaaaaaaaaa"))
    assert caught.value.code == "not_found"


def test_blobs_come_back_as_they_were_and_are_sent_once(client: Client) -> None:
    content = bytes(range(256)) * 1000

    first, second = client.put_blob(content), client.put_blob(content)

    assert first == second
    assert client.get_blob(first) == content
    with pytest.raises(RequestRefused) as caught:
        client.get_blob("0" * 64)
    assert caught.value.code == "not_found"


def test_lists_are_read_to_their_end(client: Client) -> None:
    submitted = client.submit([spec("nobody") for _ in range(7)])
    client.job(submitted.jobs[0], at_least=submitted.position)
    held = client.hold(submitted.jobs)
    client.job(submitted.jobs[0], at_least=held.position)

    ids = [row["id"] for row in client.jobs(limit=3, status="held")]

    assert len(ids) == len(set(ids))
    assert set(submitted.jobs) <= set(ids)


def test_a_viewer_may_look_and_not_store(house: LittleHouse, tmp_path: Path) -> None:
    with make_client(house, tmp_path, "viewer") as viewer:
        next(viewer.jobs(limit=1))
        with pytest.raises(RequestRefused) as caught:
            viewer.put_blob(b"not allowed")
    assert caught.value.code == "forbidden"


def test_without_a_token_the_way_to_one_is_named(client: Client, tmp_path: Path) -> None:
    (tmp_path / "token").unlink()

    with pytest.raises(RequestRefused, match="idlehands token create"):
        client.agents()


def test_without_rest_the_way_out_is_named(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("x")

    with pytest.raises(HqUnreachable, match="idlehands status"):
        Rest("http://127.0.0.1:9", tmp_path / "token").get("/jobs")


def test_rest_connects_again_when_the_server_has_hung_up(client: Client) -> None:
    client.agents()
    assert client.rest._connection is not None
    assert client.rest._connection.sock is not None
    client.rest._connection.sock.close()

    assert isinstance(client.agents(), list)


def test_a_house_of_https_is_not_believed_to_be_plain_http(tmp_path: Path) -> None:
    (tmp_path / "token").write_text("secret")

    with pytest.raises(RequestRefused) as refused:
        Rest("http://127.0.0.1:9", tmp_path / "token", https_only=True)

    assert refused.value.code == "not_https"
