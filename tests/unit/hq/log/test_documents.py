"""What is stored comes back equal, whatever people put into their parameters."""

from typing import Any

import bson
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings

from hq.log.documents import decision_to_document, decode_document, document_to_decision, encode_document
from hq.log.port import MAX_DECISION_BYTES, DecisionRefused, LogUnreadable
from schemas.events import LOG_VERSION, AnyEvent, Decision, EpochBegan, JobHeld, RequestAnswered
from tests.unit.hq.log.strategies import JSON, events


def decision_of(*happened: AnyEvent, position: int = 1) -> Decision:
    return Decision(position, 2**31, "o" * 32, 1700000000.5, happened)


def answered(answer: dict[str, Any]) -> RequestAnswered:
    return RequestAnswered("cli", "k", "0" * 64, answer)


@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(events())
def test_every_event_comes_back_equal(event: AnyEvent) -> None:
    decision = decision_of(event)

    back = document_to_decision(decision_to_document(decision))

    assert back == decision
    assert msgspec.json.encode(back) == msgspec.json.encode(decision)


@given(JSON)
def test_free_form_values_keep_type_and_order(value: Any) -> None:
    back = decode_document(encode_document({"value": value}))["value"]

    assert repr(back) == repr(value)


def test_a_database_reference_in_parameters_stays_what_it_was() -> None:
    answer = {"$ref": 1, "$id": {"$db": 2}, "~$ref": [{"$ref": "a", "$id": "b"}]}

    back = document_to_decision(decision_to_document(decision_of(answered(answer))))

    assert back.events == (answered(answer),)


def test_documents_are_native_bson_that_other_programs_can_read() -> None:
    stored = bson.decode(decision_to_document(decision_of(JobHeld("jaaaaaaaaaaaa", "cli"), position=7)).raw)

    assert stored == {
        "_id": 7,
        "epoch": 2**31,
        "op": "o" * 32,
        "at": 1700000000.5,
        "events": [{"type": "JobHeld", "job": "jaaaaaaaaaaaa", "by": "cli"}],
    }


@pytest.mark.parametrize("value", [2**63, {"a\0b": 1}, object(), "\ud800"])
def test_a_value_that_does_not_fit_is_refused_before_anything_is_written(value: Any) -> None:
    with pytest.raises(DecisionRefused):
        decision_to_document(decision_of(answered({"value": value})))


def test_a_decision_may_have_eight_mebibytes_and_no_more() -> None:
    empty = len(decision_to_document(decision_of(answered({"x": ""}))).raw)
    fits = MAX_DECISION_BYTES - empty

    assert len(decision_to_document(decision_of(answered({"x": "a" * fits}))).raw) == MAX_DECISION_BYTES
    with pytest.raises(DecisionRefused, match="at most"):
        decision_to_document(decision_of(answered({"x": "a" * (fits + 1)})))


def test_a_log_continued_by_a_newer_version_is_refused_with_the_way_out() -> None:
    newer = decision_of(EpochBegan(5, "0" * 32, LOG_VERSION + 1))

    with pytest.raises(LogUnreadable, match="Run the newer HQ again"):
        document_to_decision(decision_to_document(newer))


def test_an_unknown_event_is_refused_and_named() -> None:
    foreign = encode_document({"_id": 3, "epoch": 1, "op": "o", "at": 0.0, "events": [{"type": "JobFlew"}]})

    with pytest.raises(LogUnreadable, match=r"position 3 .*JobFlew"):
        document_to_decision(foreign)


def test_a_document_that_is_a_view_of_a_larger_answer_is_read_alike() -> None:
    document = {"_id": 1, "params": {"$ref": 1, "~x": 2}}
    view: Any = memoryview(encode_document(document).raw)

    assert decode_document(view) == document
