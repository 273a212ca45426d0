"""Every decoder under input that is almost right: an answer or a refusal with its reason, no exception.

Messages of every topic are drawn from the topic's own type, changed in their
parts or in their bytes, signed and not, and sent to every topic. What gets
through must come out the same when it is encoded again.
"""

import base64
import contextlib
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from bus.codec import MessageTooBig, encode
from bus.paho_packets import PLAIN, read_publish
from bus.port import Inbound, Refusal
from bus.router import route
from bus.signing import KeyFile, Signed, check_signature
from bus.topics import ALL_TOPICS, Topic
from dash_app import addresses
from dash_app.checked_calls import rebuild
from hq.rest.paging import read_cursor
from hq.rest.problems import Problem
from tests.fuzz.mutations import mutate, spoil
from tests.fuzz.samples import fits, sample
from trust.keys import ensure_signing_key, key_id, load_signing_key, public_hex

NAMES = (
    "attic",
    "cellar",
    "cli",
    "hq",
    "j" + "a" * 12,
    "s" + "a" * 12,
    "",
    "#",
    "+",
    "..",
    "A",
    "a b",
    "a" * 99,
)
MESSAGES = 6_000
#: Why a message may be refused. A new reason is written down here and in docs/protocol.md.
REASONS = {
    "unknown_topic", "bad_name", "too_big", "not_utf8", "not_json", "not_an_envelope", "unknown_version",
    "wrong_type", "too_deep", "bad_number", "bad_key", "bad_data", "unsigned", "bad_signature",
    "unknown_signer",
}  # fmt: skip


@pytest.fixture(scope="module")
def key(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("keys") / "sign.key"
    ensure_signing_key(file)
    return file


class Sender:
    """Somebody who has a key that counts, and sends what comes to mind."""

    def __init__(self, seed: object, key: Path) -> None:
        self.draw = random.Random(str(seed))
        self._signer = KeyFile(key)
        public = public_hex(load_signing_key(key))
        self._known = {key_id(public): public}

    def check(self, signed: Signed) -> None:
        check_signature(signed, self._known)

    def payload(self, topic: Topic) -> bytes:
        """Return an envelope of this topic: right, almost right, or broken."""
        draw = self.draw
        how = draw.random()
        data = sample(topic.payload, draw)
        if how < 0.5:
            data = mutate(data, draw)
        signer = self._signer if draw.random() < 0.7 else None
        try:
            payload = encode(topic, data, message_id="m", source="fuzz", signer=signer)
        except (UnicodeEncodeError, OverflowError, ValueError):
            whole = {"specversion": "1.0", "id": "m", "source": "s", "type": topic.type, "data": data}
            payload = json.dumps(whole).encode()
        if 0.5 <= how < 0.6:
            payload = json.dumps(mutate(json.loads(payload), draw)).encode()
        return spoil(payload, draw) if 0.6 <= how < 0.75 else payload

    def name(self, topic: Topic) -> str:
        """Return where to send it: mostly where it belongs."""
        how = self.draw.random()
        if how < 0.1:
            topic = self.draw.choice(ALL_TOPICS)
        names = {part[1:-1]: self.draw.choice(NAMES) for part in topic.template.split("/") if "{" in part}
        if how < 0.8:
            names = {
                what: {"job": "j" + "a" * 12, "sweep": "s" + "a" * 12}.get(what, "attic") for what in names
            }
        name = topic.of(**names)
        return name if how > 0.02 else "".join(self.draw.sample(name, len(name)))


def send(sender: Sender, topic: Topic) -> Inbound | Refusal:
    """Send one message to `route` and check what comes of it."""
    payload = sender.payload(topic)
    found = route(sender.name(topic), payload, check=sender.check)
    if isinstance(found, Refusal):
        assert found.reason in REASONS
        assert isinstance(found.detail, str)
        assert len(found.id) <= 128
    else:
        assert found.topic is not None
        plain = msgspec.json.decode(msgspec.json.encode(found.data))
        assert msgspec.json.decode(msgspec.json.encode(plain), type=found.topic.payload) == found.data
    return found


@pytest.mark.parametrize("seed", [1, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, 52))])
def test_no_message_on_any_topic_raises(seed: int, key: Path) -> None:
    sender = Sender(seed, key)
    through: dict[str, int] = {}
    reasons: set[str] = set()

    for number in range(MESSAGES):
        topic = ALL_TOPICS[number % len(ALL_TOPICS)]
        found = send(sender, topic)
        if isinstance(found, Refusal):
            reasons.add(found.reason)
        else:
            through[topic.template] = through.get(topic.template, 0) + 1

    assert len(reasons) > 8
    for topic in ALL_TOPICS:
        assert through.get(topic.template, 0) > MESSAGES / len(ALL_TOPICS) / 20, topic.template


@pytest.mark.parametrize("topic", ALL_TOPICS, ids=lambda topic: topic.template)
def test_samples_are_what_the_topic_takes(topic: Topic) -> None:
    draw = random.Random(1)

    assert all(fits(topic.payload, sample(topic.payload, draw)) for _ in range(50))


@pytest.mark.parametrize(
    "topic", [topic for topic in ALL_TOPICS if topic.signed], ids=lambda topic: topic.type
)
def test_on_a_signed_topic_nothing_gets_through_that_its_sender_did_not_sign(topic: Topic, key: Path) -> None:
    sender = Sender("forger", key)
    names = {"agent": "attic"}
    refused = 0

    for _ in range(400):
        data = sample(topic.payload, sender.draw)
        try:
            honest = encode(topic, data, message_id="m", source="s", signer=KeyFile(key))
        except MessageTooBig:
            continue
        envelope = json.loads(honest)
        changed = mutate(envelope["data"], sender.draw)
        if changed == envelope["data"]:
            continue
        forged = json.dumps({**envelope, "data": changed}).encode()
        found = route(topic.of(**names), forged, check=sender.check)
        assert isinstance(found, Refusal), (envelope, changed)
        refused += 1

    assert refused > 300


def packet_of(draw: random.Random) -> bytes:
    """Return the body of a PUBLISH as a broker sends it."""
    name = draw.choice(("idlehands/v1/hq/state", "a", "", "é/#", "x" * 300)).encode()
    properties = draw.choice((b"\0", PLAIN, b"\x02\x01\x01", b"\x05\x02\0\0\0\x09", b"\x03\x08\0\0"))
    return len(name).to_bytes(2) + name + properties + b'{"a": 1}'


def _read_publish(draw: random.Random) -> None:
    packet = spoil(packet_of(draw), draw)
    for header in (0x30, 0x31, 0x32, 0x3D):
        read_publish(header, packet)


def _read_cursor(draw: random.Random) -> None:
    honest = base64.urlsafe_b64encode(b"jobs:17").decode().rstrip("=")
    with contextlib.suppress(Problem):
        read_cursor("jobs", spoil(honest.encode(), draw).decode(errors="replace"))


def _read_call(draw: random.Random) -> None:
    callbacks: dict[str, Any] = {
        "a.b": {"callback": None, "inputs": [{"id": "u", "property": "p"}], "state": []}
    }
    call: dict[str, Any] = {
        "output": "a.b",
        "inputs": [{"id": "u", "property": "p", "value": 1}],
        "changedPropIds": ["u.p"],
    }
    if draw.random() < 0.5:
        callbacks["a.b"]["inputs"] = [{"id": '{"f":["ALL"]}', "property": "p"}]
        call["inputs"] = [[{"id": {"f": "x"}, "property": "p", "value": 1}]]
        call["changedPropIds"] = ['{"f":"x"}.p']
    body = json.dumps(mutate(call, draw)).encode()
    with contextlib.suppress(Problem):
        rebuild(spoil(body, draw) if draw.random() < 0.3 else body, callbacks)


def _read_address(draw: random.Random) -> None:
    given = mutate(["/jobs/j" + "a" * 12, "?status=queued&before=7"], draw)
    whole = [*given, None, None] if isinstance(given, list) else [given, None]
    view = addresses.parse(whole[0], whole[1])
    assert view.kind in {"house", "jobs", "job", "sweeps", "sweep", "new", "nothing"}


DECODERS: dict[str, Callable[[random.Random], Any]] = {
    "packets of the broker": _read_publish,
    "cursors": _read_cursor,
    "calls of the page": _read_call,
    "addresses of the page": _read_address,
}


@pytest.mark.parametrize("rounds", [1_000, pytest.param(50_000, marks=pytest.mark.slow)])
@pytest.mark.parametrize("name", DECODERS)
def test_no_input_of_another_decoder_raises(name: str, rounds: int) -> None:
    draw = random.Random(name)

    for _ in range(rounds):
        DECODERS[name](draw)
