"""Whatever a certificate's holder sends: counted with its reason, answered in words, and nothing changes.

Sent with `mosquitto_pub`, so that nothing of ours makes it better than it is.
"""

import json
from collections.abc import Iterator
from pathlib import Path
from queue import SimpleQueue
from typing import Any

import pytest

from bus.codec import MessageTooBig
from bus.paho_bus import PahoBus
from bus.port import BusInput, Connected, Inbound
from bus.settings import BusSettings
from bus.topics import REPLY
from idlehands.client import Client, connect
from idlehands.house import broker as house_broker
from idlehands.house import pki, tokens
from idlehands.house.registry import Role
from idlehands.house.running import RunningHouse
from schemas.messages import Reply
from tests.e2e import mosquitto
from tests.e2e.workplace import Workplace, status_json
from tests.fixtures.broker import eventually
from tests.fixtures.happenings import what_happened

pytestmark = pytest.mark.process
REQUEST = "client/mallory/up/request"
SHA = "0" * 64
JOB = "j" + "a" * 12


def envelope(data: Any, **changed: Any) -> bytes:
    """Return an envelope as an honest client would make it, but for what is changed."""
    whole = {"specversion": "1.0", "id": "m-1", "source": "mallory", "type": "idlehands.request"}
    return json.dumps({**whole, "data": data, **changed}).encode()


def submit(**spec: Any) -> dict[str, Any]:
    """Return a submission of one job whose spec has these fields."""
    return {"kind": "submit", "jobs": [{"script": {"bundle": SHA, "entry": "a.py"}, **spec}]}


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


RAW = {
    "nothing": (b"", "not_json"),
    "no UTF-8": (b"\xff\xfe\x00", "not_utf8"),
    "no UTF-8 inside": (envelope(submit(name="X")).replace(b'"X"', b'"\xc3\x28"'), "not_utf8"),
    "no JSON": (b"hello", "not_json"),
    "half of it": (envelope(submit())[:80], "not_json"),
    "two of it": (envelope(submit()) * 2, "not_json"),
    "a list": (b"[1, 2]", "not_an_envelope"),
    "no envelope": (b'{"kind": "ping"}', "not_an_envelope"),
    "no id": (envelope({"kind": "ping"}, id=""), "not_an_envelope"),
    "an id of 10 kB": (envelope({"kind": "ping"}, id="x" * 10_000), "not_an_envelope"),
    "a number as id": (envelope({"kind": "ping"}, id=7), "not_an_envelope"),
    "a newer version": (envelope({"kind": "ping"}, specversion="2.0"), "unknown_version"),
    "another type": (envelope({"kind": "ping"}, type="idlehands.claim"), "wrong_type"),
    "257 KiB": (envelope(submit(name="x" * 257 * 1024)), "too_big"),
    "NaN": (envelope(submit(params={"a": "X"})).replace(b'"X"', b"NaN"), "not_json"),
    "Infinity": (envelope(submit(params={"a": "X"})).replace(b'"X"', b"-Infinity"), "not_json"),
    "30 digits": (envelope(submit(params={"a": 10**30})), "bad_number"),
    "2 to the 63": (envelope(submit(params={"a": 2**63})), "bad_number"),
    "half a surrogate": (envelope(submit(params={"a": "X"})).replace(b'"X"', b'"\\ud800"'), "not_json"),
    "NUL in a key": (envelope(submit(params={"a\0b": 1})), "bad_key"),
    "40 deep": (envelope(submit(params={"a": nested(40)})), "too_deep"),
    "100,000 deep": (b"[" * 100_000, "not_an_envelope"),
    "100,000 deep inside": (
        envelope(submit(params={"a": "X"})).replace(b'"X"', b"[" * 100_000 + b"]" * 100_000),
        "too_deep",
    ),
}  # fmt: skip
DATA: dict[str, tuple[Any, str]] = {
    "no object": ("ping", "bad_data"),
    "no kind": ({"jobs": [JOB]}, "bad_data"),
    "an unknown kind": ({"kind": "shutdown"}, "bad_data"),
    "a misspelt field": ({"kind": "cancel", "job": [JOB]}, "bad_data"),
    "one field too many": ({"kind": "cancel", "jobs": [JOB], "force": True}, "bad_data"),
    "an unknown field of the spec": (submit(command="rm"), "bad_data"),
    "no jobs": ({"kind": "submit", "jobs": []}, "bad_data"),
    "a word as priority": (submit(priority="high"), "bad_data"),
    "a list as parameters": (submit(params=[1]), "bad_data"),
    "a priority out of range": (submit(priority=10**6), "bad_data"),
    "a path as job": ({"kind": "cancel", "jobs": ["../../etc"]}, "bad_data"),
    "a job with a newline": ({"kind": "cancel", "jobs": [f"{JOB}\n"]}, "bad_data"),
    "a wildcard as job": ({"kind": "cancel", "jobs": ["#"]}, "bad_data"),
    "a job of 10 kB": ({"kind": "cancel", "jobs": ["j" + "a" * 10_000]}, "bad_data"),
    "an operator as job": ({"kind": "cancel", "jobs": [{"$gt": ""}]}, "bad_data"),
    "a key of 10 kB": (submit() | {"key": "k" * 10_000}, "bad_data"),
    "an empty key": (submit() | {"key": ""}, "bad_data"),
    "a bundle that is no hash": (submit(script={"bundle": "../../etc", "entry": "a"}), "bad_data"),
    "an entry outside": (submit(script={"bundle": SHA, "entry": "../../etc/passwd"}), "bad_spec"),
    "an absolute entry": (submit(script={"bundle": SHA, "entry": "/etc/passwd"}), "bad_spec"),
    "NUL in an entry": (submit(script={"bundle": SHA, "entry": "a\0.py"}), "bad_spec"),
    "a trial of one's own": (submit(sweep="s" + "a" * 12, trial=1), "bad_spec"),
    "an unknown job": ({"kind": "cancel", "jobs": [JOB]}, "unknown_job"),
    "a retry of an unknown job": ({"kind": "retry", "jobs": [JOB]}, "unknown_job"),
    "somebody else's name": (submit() | {"on_behalf_of": "cli"}, "not_allowed"),
    "search's work": ({"kind": "propose", "sweep": "s" + "a" * 12, "first": 0, "trials": []}, "not_allowed"),
}
CASES = RAW | {name: (envelope(data), reason) for name, (data, reason) in DATA.items()}


class Mallory:
    """An operator with a certificate: plain bytes out, HQ's answers in."""

    def __init__(self, house: RunningHouse, certificate: Path, client: Client) -> None:
        self.house = house
        self.certificate = certificate
        self.client = client
        self._arrived: SimpleQueue[BusInput] = SimpleQueue()
        self.bus = PahoBus(BusSettings.parse(house.home.broker_address, certificate))

    def listen(self) -> None:
        """Subscribe to the answers."""
        self.bus.subscribe(REPLY, client="mallory")
        self.bus.start(self._arrived.put)
        assert isinstance(self._arrived.get(timeout=60), Connected)

    def send(self, payload: bytes, *more: str, topic: str = REQUEST) -> None:
        """Publish bytes with `mosquitto_pub`."""
        mosquitto.publish(self.house.home, self.certificate, topic, payload, *more)

    def next_reply(self) -> tuple[Reply, bytes | None]:
        """Return HQ's next answer to what was sent, and its correlation data."""
        while True:
            what = self._arrived.get(timeout=60)
            # The answers to the client's own questions come here too; those are told by their correlation.
            if isinstance(what, Inbound) and len(what.correlation or b"") != 32:
                return what.data, what.correlation


@pytest.fixture(scope="module")
def mallory(house: RunningHouse, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mallory]:
    """Somebody with an operator's certificate."""
    folder = tmp_path_factory.mktemp("mallory")
    pki.issue(house.home, "mallory", Role.OPERATOR, folder)
    tokens.ensure(house.home, tokens.TokenRole.OPERATOR, "mallory", folder / "token")
    house_broker.admit(house.home)
    with connect(BusSettings.parse(house.home.broker_address, folder), timeout_seconds=60) as client:
        somebody = Mallory(house, folder, client)
        somebody.listen()
        try:
            yield somebody
        finally:
            somebody.bus.stop()


def assert_nothing_happened(mallory: Mallory, before: dict[str, Any]) -> None:
    assert what_happened(mallory.client, before["position"], by=["mallory"]) == []


@pytest.mark.parametrize("name", CASES)
def test_what_is_wrong_is_counted_answered_and_changes_nothing(mallory: Mallory, name: str) -> None:
    payload, reason = CASES[name]
    before = mallory.client.status()

    mallory.send(payload)

    reply, _ = mallory.next_reply()
    after = mallory.client.status()
    assert not reply.ok
    assert reply.error is not None
    assert reply.error.code == reason
    assert len(reply.error.message) > 10
    assert after["refused"] == {**before["refused"], reason: before["refused"].get(reason, 0) + 1}
    for unchanged in ("jobs", "sweeps", "epoch"):
        assert after[unchanged] == before[unchanged]
    assert_nothing_happened(mallory, before)


def test_the_command_line_shows_what_was_refused_and_why(mallory: Mallory) -> None:
    mallory.send(b"hello")
    mallory.next_reply()

    shown = status_json(mallory.house, "hq", "status")["refused"]

    assert shown == mallory.client.status()["refused"]
    assert shown["not_json"] >= 1


def test_an_answer_goes_to_the_topic_that_waits_with_its_correlation(mallory: Mallory) -> None:
    where = "idlehands/v1/client/mallory/down/reply"

    mallory.send(
        envelope({"kind": "cancel", "jobs": ["#"]}, id="mine"),
        *("-D", "publish", "response-topic", where, "-D", "publish", "correlation-data", "abc"),
    )

    reply, correlation = mallory.next_reply()
    assert (reply.request, correlation) == ("mine", b"abc")
    assert reply.error is not None
    assert reply.error.code == "bad_data"
    assert "jobs" in reply.error.message


def test_an_answer_never_goes_to_somebody_elses_topic(mallory: Mallory) -> None:
    mallory.send(b"hello", "-D", "publish", "response-topic", "idlehands/v1/client/cli/down/reply")

    reply, _ = mallory.next_reply()

    assert reply.error is not None
    assert reply.error.code == "not_json"


def test_a_message_that_the_broker_refuses_never_reaches_hq(mallory: Mallory) -> None:
    before = mallory.client.status()

    mallory.send(envelope(submit(name="x" * 310_000)))

    after = mallory.client.status()
    assert after["refused"] == before["refused"]
    assert_nothing_happened(mallory, before)
    with pytest.raises(MessageTooBig):
        mallory.bus.request(submit(name="x" * 310_000), client="mallory", correlation=b"x")


@pytest.mark.parametrize(
    "topic",
    [
        "client/cli/up/request",
        "agent/attic/up/claim",
        "hq/state",
        f"job/{JOB}/event",
        "client/mallory/up/a/b",
    ],
)
def test_what_is_sent_elsewhere_changes_nothing(mallory: Mallory, topic: str) -> None:
    before = mallory.client.status()

    mallory.send(envelope(submit()), topic=topic)

    after = mallory.client.status()
    assert after["refused"] == before["refused"]
    assert_nothing_happened(mallory, before)


def test_a_key_with_other_content_is_refused_and_with_the_same_answered_again(mallory: Mallory) -> None:
    first = submit(name="first", needs={"labels": ["nowhere"]}) | {"key": "../../etc"}
    mallory.send(envelope(first))
    accepted, _ = mallory.next_reply()
    assert accepted.ok
    before = mallory.client.status()

    mallory.send(envelope(first))
    again, _ = mallory.next_reply()
    mallory.send(envelope(first | {"jobs": [*first["jobs"], *first["jobs"]]}))
    refused, _ = mallory.next_reply()

    after = mallory.client.status()
    assert again.result == accepted.result
    assert refused.error is not None
    assert refused.error.code == "key_reused"
    assert_nothing_happened(mallory, before)
    assert after["refused"]["key_reused"] == before["refused"].get("key_reused", 0) + 1
    mallory.client.cancel(accepted.result["jobs"])


def test_a_retained_request_is_done_once_and_not_again_at_each_start_of_hq(
    mallory: Mallory, work: Workplace
) -> None:
    mallory.send(envelope(submit(needs={"labels": ["nowhere"]}), id="retained-1"), "-r")
    accepted, _ = mallory.next_reply()
    assert accepted.ok
    before = mallory.client.status()

    work.kill("hq")
    work.house.wait_ready(60)

    eventually(lambda: mallory.client.status()["refused"].get("retained") == 1)
    after = mallory.client.status()
    assert after["epoch"] > before["epoch"]
    assert after["jobs"] == before["jobs"]
    mallory.send(b"", "-r")
    mallory.next_reply()
    mallory.client.cancel(accepted.result["jobs"])


def test_text_of_every_sort_is_kept_as_it_is(mallory: Mallory, work: Workplace) -> None:
    params = {
        "$gt": "#",
        "a.b": "../../etc\n",
        "~": {"$where": "\x00"},
        "é": "\U0001f600",
        "": 2**62,
        "f": 1e308,
    }
    mallory.send(envelope(submit(params=params, needs={"labels": ["nowhere"]})))
    accepted, _ = mallory.next_reply()
    assert accepted.ok
    (job,) = accepted.result["jobs"]

    assert mallory.client.job(job, at_least=accepted.position)["spec"]["params"] == params

    mallory.client.cancel([job])
    work.check_quiet()


def test_nonsense_over_our_own_bus_is_answered_too(mallory: Mallory) -> None:
    mallory.bus.request({"kind": "explode"}, client="mallory", correlation=b"x", message_id="boom")

    reply, correlation = mallory.next_reply()

    assert (correlation, reply.request, reply.ok) == (b"x", "boom", False)


def test_after_all_that_the_house_still_works(mallory: Mallory, work: Workplace) -> None:
    jobs = work.submit(3, 0.0, tag="after")

    assert set(work.wait_final(jobs).values()) == {"succeeded"}
    work.check_quiet()
