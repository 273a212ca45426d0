"""Signed topics: what was signed is what travels, and whoever changes a byte of it is refused."""

import base64
import json
from pathlib import Path

import msgspec
import pytest

from bus.codec import MAX_MESSAGE_BYTES, MessageTooBig, decode, encode
from bus.port import Inbound, Refusal
from bus.router import route
from bus.signing import (
    BAD_SIGNATURE,
    UNKNOWN_SIGNER,
    UNSIGNED,
    KeyFile,
    SignatureRefused,
    Signed,
    check_signature,
)
from bus.topics import ALL_TOPICS, ANSWER, CALL, CLAIM, GRANT, RESULT
from schemas.facts import AttemptResult
from schemas.messages import Claim, Claims, Results
from schemas.states import Outcome
from trust.dsse import verify
from trust.keys import KeyUnusable, ensure_signing_key, key_id, public_hex

NAME = RESULT.of(agent="attic")
RESULTS = Results(1, (AttemptResult("jaaaaaaaaaaaa", 1, Outcome.SUCCEEDED, 0, {"ü": [1, 2.5, None]}),))


@pytest.fixture
def signer(tmp_path: Path) -> KeyFile:
    ensure_signing_key(tmp_path / "sign.key")
    return KeyFile(tmp_path / "sign.key")


@pytest.fixture
def public(tmp_path: Path, signer: KeyFile) -> str:
    return public_hex(ensure_signing_key(tmp_path / "sign.key"))


def signed(signer: KeyFile | None) -> bytes:
    return encode(RESULT, RESULTS, message_id="m", source="attic", signer=signer)


def judged(payload: bytes, public: str) -> str:
    """Return why a message on the topic of results is refused, "" when it is not."""
    keys = {key_id(public): public}
    found = route(NAME, payload, check=lambda one: check_signature(one, keys))
    assert isinstance(found, Inbound | Refusal)
    return found.reason if isinstance(found, Refusal) else ""


def test_only_what_runs_scripts_and_what_comes_of_it_is_signed() -> None:
    assert {topic for topic in ALL_TOPICS if topic.signed} == {GRANT, CALL, RESULT, ANSWER}


def test_a_signed_message_is_read_as_it_was_written(signer: KeyFile, public: str) -> None:
    found = route(NAME, signed(signer), check=lambda one: check_signature(one, {key_id(public): public}))

    assert isinstance(found, Inbound)
    assert found.data == RESULTS


def test_the_signature_stands_in_the_envelope(signer: KeyFile, public: str) -> None:
    envelope = msgspec.json.decode(signed(signer), type=dict[str, msgspec.Raw])

    body, signature = bytes(envelope["data"]), json.loads(bytes(envelope["signature"]))
    assert json.loads(bytes(envelope["signer"])) == key_id(public)
    assert verify(public, "idlehands.result", body, signature)


def test_other_topics_carry_no_signature(signer: KeyFile) -> None:
    claims = Claims(1, (Claim("jaaaaaaaaaaaa", 1, "a" * 32),))

    payload = encode(CLAIM, claims, message_id="m", source="attic", signer=signer)

    assert b"sign" not in payload


def test_a_message_is_checked_before_its_data_is_looked_at(signer: KeyFile, public: str) -> None:
    whole = json.loads(signed(signer))
    whole["data"] = {"nonsense": True}

    # Not `bad_data`: nobody has tried to read it.
    assert judged(json.dumps(whole).encode(), public) == BAD_SIGNATURE


def test_every_changed_byte_of_the_data_is_noticed(signer: KeyFile, public: str) -> None:
    payload = signed(signer)
    begin = payload.index(b'"data":') + len(b'"data":')
    end = payload.index(b',"signer"') if b',"signer"' in payload[begin:] else len(payload) - 1

    for at in range(begin, end):
        changed = payload[:at] + bytes([payload[at] ^ 1]) + payload[at + 1 :]
        assert judged(changed, public) != ""


def test_a_space_in_the_data_is_a_change_and_one_around_it_is_none(signer: KeyFile, public: str) -> None:
    payload = signed(signer)

    assert judged(payload.replace(b'"data":{', b'"data":{ '), public) == BAD_SIGNATURE
    assert judged(payload.replace(b'"data":{', b'"data": \n {'), public) == ""


@pytest.mark.parametrize(
    ("attributes", "reason"),
    [
        ({"signer": None}, UNSIGNED),
        ({"signature": None}, UNSIGNED),
        ({"signer": "a" * 64}, UNKNOWN_SIGNER),
        ({"signer": ""}, UNSIGNED),
        ({"signature": "AAAA"}, BAD_SIGNATURE),
        ({"signature": base64.b64encode(bytes(64)).decode()}, BAD_SIGNATURE),
        ({"signature": "\u00e9"}, BAD_SIGNATURE),
        ({"signature": 5}, "not_an_envelope"),
        ({"type": "idlehands.grant"}, "wrong_type"),
    ],
)
def test_what_proves_nobody_is_refused_by_its_reason(
    signer: KeyFile, public: str, attributes: dict[str, object], reason: str
) -> None:
    raw = msgspec.json.decode(signed(signer), type=dict[str, msgspec.Raw])
    for name, value in attributes.items():
        if value is None:
            del raw[name]
        else:
            raw[name] = msgspec.Raw(json.dumps(value).encode())

    assert judged(msgspec.json.encode(raw), public) == reason


def test_a_signature_counts_towards_the_size_of_a_message(signer: KeyFile) -> None:
    def results(size: int) -> Results:
        return Results(1, (AttemptResult("jaaaaaaaaaaaa", 1, Outcome.SUCCEEDED, 0, {"x": "y" * size}),))

    bare = len(encode(RESULT, results(0), message_id="m", source="attic"))
    size = MAX_MESSAGE_BYTES - bare
    encode(RESULT, results(size), message_id="m", source="attic")

    with pytest.raises(MessageTooBig):
        encode(RESULT, results(size), message_id="m", source="attic", signer=signer)
    with pytest.raises(MessageTooBig):
        encode(RESULT, results(MAX_MESSAGE_BYTES), message_id="m", source="attic", signer=signer)


def test_without_a_check_signed_messages_are_taken_as_they_come(signer: KeyFile) -> None:
    assert decode(RESULT, signed(signer)).data == decode(RESULT, signed(None)).data == RESULTS


def test_a_replaced_key_file_is_followed(tmp_path: Path, signer: KeyFile, public: str) -> None:
    before, _ = signer.sign("a", b"b")
    ensure_signing_key(tmp_path / "next.key")
    (tmp_path / "next.key").replace(tmp_path / "sign.key")

    after, signature = signer.sign("a", b"b")

    now = public_hex(ensure_signing_key(tmp_path / "sign.key"))
    assert before == key_id(public) != after == key_id(now)
    assert verify(now, "a", b"b", signature)


def test_a_key_file_that_is_gone_for_a_moment_does_not_matter(tmp_path: Path, signer: KeyFile) -> None:
    before, _ = signer.sign("a", b"b")
    (tmp_path / "sign.key").unlink()

    assert signer.sign("a", b"b")[0] == before
    with pytest.raises(KeyUnusable, match="cannot be read"):
        KeyFile(tmp_path / "sign.key").sign("a", b"b")


def test_a_check_names_the_reason_and_says_it_in_words() -> None:
    with pytest.raises(SignatureRefused, match="without a signature") as caught:
        check_signature(Signed({}, "idlehands.grant", "", "", b"{}"), {})

    assert caught.value.reason == UNSIGNED
