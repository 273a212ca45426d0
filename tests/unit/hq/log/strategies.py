"""Hypothesis strategies for whatever the schemas allow, made from the schemas themselves."""

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st
from msgspec import inspect as mi

from schemas.events import AnyEvent, Event

#: Signs that BSON, MongoDB or our own marking could trip over, among ordinary ones.
_SIGNS = st.sampled_from("ab.$~_0é漢\U0001f600 \n\0")
_CHARACTERS = 12
_TEXT = st.text(alphabet=_SIGNS, max_size=_CHARACTERS)
_KEYS = st.one_of(
    st.sampled_from(
        ["$ref", "$id", "$db", "$set", "$", "~", "~$ref", "~~", "_id", "a.b", ".", "", "0", "type"]
    ),
    st.text(alphabet=st.sampled_from("ab.$~_0é漢 "), max_size=6),
)
_INTEGERS = st.integers(min_value=-(2**63), max_value=2**63 - 1)
JSON = st.recursive(
    st.none() | st.booleans() | _INTEGERS | st.floats(allow_nan=False, allow_infinity=False) | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3),
    max_leaves=8,
)


def events() -> st.SearchStrategy[Event]:
    """Every type of event, every field filled with what its constraints allow."""
    kinds = mi.type_info(AnyEvent)
    assert isinstance(kinds, mi.UnionType)
    return st.one_of([_struct(kind) for kind in kinds.types]).map(_to_event)


def _to_event(plain: dict[str, Any]) -> Event:
    # The one value that means something to the log itself: newer versions are refused.
    if plain["type"] == "EpochBegan":
        plain.pop("version", None)
    event: Event = msgspec.convert(plain, AnyEvent)
    return event


def _struct(info: Any) -> st.SearchStrategy[dict[str, Any]]:
    required = {f.encode_name: _values(f.type) for f in info.fields if f.required}
    optional = {f.encode_name: _values(f.type) for f in info.fields if not f.required}
    if info.tag is not None:
        required[info.tag_field] = st.just(info.tag)
    return st.fixed_dictionaries(required, optional=optional)


def _at_most(length: int) -> Callable[[str], bool]:
    return lambda text: len(text) <= length


def _values(info: Any) -> st.SearchStrategy[Any]:
    match info:
        case mi.Metadata(type=inner):
            return _values(inner)
        case mi.StructType():
            return st.deferred(lambda: _struct(info))
        case mi.UnionType(types=types):
            return st.one_of([_values(one) for one in types])
        case mi.AnyType():
            return JSON
        case mi.NoneType():
            return st.none()
        case mi.BoolType():
            return st.booleans()
        case mi.IntType(ge=low, le=high):
            return st.integers(-(2**63) if low is None else low, 2**63 - 1 if high is None else high)
        case mi.FloatType(ge=low, gt=above, le=high):
            least = low if above is None else above
            return st.floats(
                least, high, exclude_min=above is not None, allow_nan=False, allow_infinity=False
            )
        case mi.StrType(pattern=pattern, max_length=high) if pattern:
            fitting = st.from_regex(pattern.replace(r"(?!\n)$", r"\Z"))
            return fitting if high is None else fitting.filter(_at_most(high))
        case mi.StrType(min_length=low, max_length=high):
            most = _CHARACTERS if high is None else min(high, _CHARACTERS)
            return st.text(alphabet=_SIGNS, min_size=low or 0, max_size=max(most, low or 0))
        case mi.LiteralType(values=values):
            return st.sampled_from(values)
        case mi.EnumType(cls=cls):
            return st.sampled_from([member.value for member in cls])
        case mi.VarTupleType(item_type=item, min_length=low) | mi.ListType(item_type=item, min_length=low):
            return st.lists(_values(item), min_size=low or 0, max_size=(low or 0) + 2)
        case mi.DictType(key_type=mi.Metadata(type=mi.StrType(pattern=str()) as key), value_type=value):
            return st.dictionaries(_values(key), _values(value), max_size=3)
        case mi.DictType(value_type=value):
            return st.dictionaries(_KEYS, _values(value), max_size=3)
        case _:
            raise AssertionError(f"no strategy for {info}")
