"""Conditions on results as people write them."""

import pytest

from hq.rest.conditions import Condition, parse_conditions, query_of
from hq.rest.problems import Problem


def test_conditions_are_read_with_commas_between() -> None:
    found = parse_conditions('accuracy >= 0.9, machine=attic , params.lr<1e-2,note ~ "a, b", x = ')

    assert found == (
        Condition("accuracy", ">=", "0.9"),
        Condition("machine", "=", "attic"),
        Condition("params.lr", "<", "1e-2"),
        Condition("note", "~", "a, b"),
        Condition("x", "=", ""),
    )
    assert parse_conditions("  ") == ()


@pytest.mark.parametrize(
    "wrong",
    [
        "accuracy",
        "> 3",
        "a >= b",
        "a > ",
        "a.b = 1",
        "$where = 1",
        'a = "b',
        "a ~ \x00",
        "a = 1," * 21,
    ],
)
def test_what_is_no_condition_is_refused_in_words(wrong: str) -> None:
    with pytest.raises(Problem) as refused:
        parse_conditions(wrong)
    assert refused.value.status == 422
    assert refused.value.detail.endswith((".", "between."))


def test_a_bare_name_is_a_value_or_a_parameter() -> None:
    assert query_of(Condition("lr", "<", "1")) == {
        "$or": [{"result.result.lr": {"$lt": 1.0}}, {"params.lr": {"$lt": 1.0}}]
    }
    assert query_of(Condition("machine", "=", "attic")) == {"agent": {"$in": ["attic"]}}
    assert query_of(Condition("params.k", "!=", "8")) == {"params.k": {"$nin": ["8", 8.0]}}
    assert query_of(Condition("result.ok", "=", "true")) == {"result.result.ok": {"$in": ["true", True]}}
    assert query_of(Condition("script", "~", "a.b")) == {"script": {"$regex": "a\\.b", "$options": "i"}}
