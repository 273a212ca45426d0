"""Values that fit a type of the vocabulary, drawn at random: messages for every topic, new ones too."""

import random
import re
import string
from typing import Any

import msgspec
from msgspec import inspect

from schemas import audit, names

#: Texts for the patterns that there are.
_FITTING: dict[str, tuple[str, ...]] = {
    names.NAME_PATTERN: ("attic", "cellar", "hq", "web", "cli", "a", "a" * 32),
    names.JOB_PATTERN: ("j" + "a" * 12, "j" + "b" * 12, "jaaaaaaaaaaab"),
    names.SWEEP_PATTERN: ("s" + "a" * 12, "s" + "b" * 12),
    names.PIPELINE_PATTERN: ("p" + "a" * 12,),
    names.STEP_PATTERN: ("prepare", "retrain-best"),
    names.PROJECT_PATTERN: ("Wine-2026", "a"),
    names.ANY_PROJECT_PATTERN: ("", "Wine"),
    names.TAG_PATTERN: ("baseline", "v2.1"),
    names.PARENT_PATTERN: ("j" + "a" * 12, "s" + "b" * 12),
    names.VARIABLE_PATTERN: ("TOKEN", "_x", "A1"),
    names.DATASET_PATTERN: ("wine", "digits-8x8.v2", "0"),
    names.PYTHON_PATTERN: ("3.11", "3.8"),
    names.ENVIRONMENT_PATTERN: ("script", "python3.12"),
    names.MAC_PATTERN: ("3c:52:82:00:00:01",),
    audit.WORD_PATTERN: ("login.accepted", "certificate.issued"),
}
_HEX = re.compile(r"\^\[0-9a-f\]\{(\d+)(?:,(\d+))?\}")
_MOST_ITEMS = 3


def sample(kind: Any, draw: random.Random) -> Any:
    """Return a plain JSON value that decodes as `kind`."""
    return _value(inspect.type_info(kind), draw)


def _value(kind: inspect.Type, draw: random.Random) -> Any:
    match kind:
        case inspect.StructType():
            return _struct(kind, draw)
        case inspect.UnionType():
            return _value(draw.choice(kind.types), draw)
        case inspect.Metadata():
            return _value(kind.type, draw)
        case inspect.NoneType():
            return None
        case inspect.BoolType():
            return draw.random() < 0.5
        case inspect.IntType():
            low = kind.ge if kind.ge is not None else (kind.gt + 1 if kind.gt is not None else -(2**53))
            high = kind.le if kind.le is not None else (kind.lt - 1 if kind.lt is not None else 2**53)
            return draw.choice((low, high, draw.randint(low, high), max(low, min(high, 7))))
        case inspect.FloatType():
            low = kind.ge if kind.ge is not None else (kind.gt if kind.gt is not None else -1e9)
            high = kind.le if kind.le is not None else (kind.lt if kind.lt is not None else 1e9)
            return draw.uniform(float(low), float(high))
        case inspect.StrType():
            return _text(kind, draw)
        case inspect.EnumType():
            return draw.choice([one.value for one in kind.cls])
        case inspect.LiteralType():
            return draw.choice(kind.values)
        case inspect.VarTupleType() | inspect.ListType():
            count = max(kind.min_length or 0, draw.randrange(_MOST_ITEMS))
            return [_value(kind.item_type, draw) for _ in range(count)]
        case inspect.TupleType():
            return [_value(item, draw) for item in kind.item_types]
        case inspect.DictType():
            count = max(kind.min_length or 0, draw.randrange(_MOST_ITEMS))
            pairs = ((_value(kind.key_type, draw), _value(kind.value_type, draw)) for _ in range(count))
            return dict(pairs)
        case inspect.AnyType() | inspect.RawType():
            return draw.choice((None, 1, 0.5, "text", [1, "a"], {"a": {"b": [True]}}))
    raise NotImplementedError(f"no sample of {kind}: add one here")


def _struct(kind: inspect.StructType, draw: random.Random) -> dict[str, Any]:
    made: dict[str, Any] = {}
    if kind.tag_field is not None:
        made[kind.tag_field] = kind.tag
    for field in kind.fields:
        if field.required or draw.random() < 0.5:
            made[field.encode_name] = _value(field.type, draw)
    return made


def _text(kind: inspect.StrType, draw: random.Random) -> str:
    if kind.pattern is not None:
        fitting = _FITTING.get(kind.pattern)
        if fitting is not None:
            return draw.choice(fitting)
        if found := _HEX.match(kind.pattern):
            return "".join(draw.choice("0123456789abcdef") for _ in range(int(found[1])))
        return draw.choice(("a", "A1", "0" * 64, "train.py"))
    low, high = kind.min_length or 0, min(kind.max_length or 40, 40)
    alphabet = string.printable + "é漢\N{GRINNING FACE}\u202e"
    return "".join(draw.choice(alphabet) for _ in range(draw.randint(low, max(low, high))))


def fits(kind: Any, value: Any) -> bool:
    """Tell whether a plain value decodes as `kind`."""
    try:
        msgspec.json.decode(msgspec.json.encode(value), type=kind)
    except msgspec.ValidationError:
        return False
    return True
