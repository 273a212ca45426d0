"""Messages that are almost right: valid ones, with a part of them changed, lost, doubled or blown up."""

import json
import random
from collections.abc import Iterator
from typing import Any

#: What no field expects, and what every one might get.
STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1, 2**31, 2**53 - 1, 2**53, 2**63 - 1, -(2**63), 10**30, 0.5, -0.0, 1e308,
    "", " ", "x", "0", "a" * 300, "\n", "#", "+", "/", "../../etc/passwd", "$gt", "\x00", "\ud800",
    "\U0001f600", "j" + "a" * 12, "s" + "a" * 12, "0" * 64, "f" * 32, "attic", "hq", "web", "spooled",
    "running", 5e-324,
    [], [[]], [None], {}, {"$ref": "a", "$id": 1}, {"": {}}, {"a.b": {"~": 1}}, [0] * 2000,
)  # fmt: skip


def mutate(data: Any, draw: random.Random) -> Any:
    """Return the value with one to three of its parts changed; the value itself stays as it is."""
    changed = _copy(data)
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        places = list(_places(changed))
        if not places:
            return _copy(draw.choice(STRANGE))
        holder, key = draw.choice(places)
        _change(holder, key, [inside[name] for inside, name in places], draw)
    return changed


def _copy(value: Any) -> Any:
    return json.loads(json.dumps(value))


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Yield (container, key) of every part of a value."""
    keys: Any = (
        value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    )
    for key in list(keys):
        yield value, key
        yield from _places(value[key])


def _change(holder: Any, key: Any, others: list[Any], draw: random.Random) -> None:
    match draw.randrange(6):
        case 0:
            del holder[key]
        case 1 | 2:
            holder[key] = _copy(draw.choice(STRANGE))
        case 3:
            holder[key] = _copy(draw.choice(others))
        case 4 if isinstance(holder, list):
            holder.extend(_copy(holder[key]) for _ in range(draw.choice((1, 2, 300))))
        case 4:
            holder[str(draw.choice(("extra", "$where", "a\0b", "é")))] = _copy(holder[key])
        case _:
            if isinstance(holder[key], int | float):
                holder[key] += draw.choice((-1, 1, 2**20, -(2**20)))
            elif isinstance(holder[key], str):
                holder[key] = holder[key] + draw.choice(("", "x", "\n", holder[key]))


def spoil(payload: bytes, draw: random.Random) -> bytes:
    """Return the bytes with some of them changed, lost or doubled."""
    spoilt = bytearray(payload)
    for _ in range(draw.randrange(1, 6)):
        place = draw.randrange(len(spoilt) + 1)
        match draw.randrange(4):
            case 0:
                del spoilt[place : place + draw.choice((1, 1, 20))]
            case 1:
                spoilt[place:place] = draw.choice(
                    (b"\0", b"\xff", b"{", b"]", b'"', b"\\u0000", b"NaN", b"9" * 40)
                )
            case 2:
                spoilt[place:place] = spoilt[place // 2 : place]
            case _ if place < len(spoilt):
                spoilt[place] ^= 1 << draw.randrange(8)
            case _:
                pass
    return bytes(spoilt)
