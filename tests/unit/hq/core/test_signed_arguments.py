"""A job that its script's author did not sign it for is refused when it is submitted."""

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from schemas.requests import Submit, SubmitSweep
from schemas.specs import (
    Choice,
    Dimension,
    FloatRange,
    IntRange,
    JobSpec,
    ScriptRef,
    ScriptSignature,
    SweepSpec,
)
from tests.unit.hq.core.small_house import SmallHouse
from trust.arguments import Argument
from trust.scripts import Statement

BUNDLE = "ab" * 32


def job(*arguments: Argument, **given: Any) -> JobSpec:
    said = Statement("train", BUNDLE, "train.py", "olga", "1.2", arguments)
    signature = ScriptSignature("c" * 64, msgspec.json.encode(said).decode(), "AA==")
    return JobSpec(ScriptRef(BUNDLE, "train.py", "train", signature), **given)


RATE, EPOCHS = Argument("rate", "number"), Argument("epochs", "integer")


def test_a_job_with_what_was_signed_is_taken() -> None:
    assert SmallHouse().request(Submit(jobs=(job(RATE, params={"rate": 0.5}),))).ok


@pytest.mark.parametrize("given", [{"params": {"rate": "x"}}, {"params": {"b": 1}}, {"argv": ("-b",)}])
def test_a_job_with_anything_else_is_refused_and_none_of_its_batch_is_there(given: dict[str, Any]) -> None:
    house = SmallHouse()
    reply = house.request(Submit(jobs=(job(RATE), job(RATE, **given))))

    assert not reply.ok
    assert reply.error is not None
    assert reply.error.code == "bad_spec"
    assert "its author" in reply.error.message
    assert house.authority.state.jobs == {}


@pytest.mark.parametrize(
    ("dimension", "is_taken"),
    [
        (IntRange(1, 9), True),
        (Choice((1, 2)), True),
        (FloatRange(1, 9), False),
        (Choice((1, "two")), False),
    ],
)
def test_a_sweep_may_vary_what_was_signed(dimension: Dimension, is_taken: bool) -> None:
    spec = SweepSpec(job(RATE, EPOCHS, params={"rate": 1}), {"epochs": dimension})

    assert SmallHouse().request(SubmitSweep(sweep=spec)).ok is is_taken
    assert not SmallHouse().request(SubmitSweep(sweep=replace(spec, space={"other": dimension}))).ok
