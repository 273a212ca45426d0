"""What is told on the household's own broker, made of what is said on the house's. Pure.

Topics are the same, so that Home Assistant finds what announcements name; but commands are a word on a
topic of their own, for nobody there can send requests, and states have no more than Home Assistant reads.
"""

import json
import re
from typing import Any

import msgspec

from bus.topics import DEFAULT_ROOT, HEARTBEAT, HQ_STATE, PRESENCE
from hq.home_assistant import HOUR_SECONDS
from schemas.messages import Heartbeat
from schemas.names import NAME_PATTERN, GuestCommand

#: Of announcements, and where one is.
ANNOUNCEMENTS = "homeassistant/device/+/config"
#: How the house and its machines stand.
STATES = "homeassistant/device/+/state"
_ANNOUNCED = re.compile(r"homeassistant/device/idlehands-([a-z0-9-]{1,32})/config")
#: `idlehands/command/NAME` with one of the words.
COMMANDS = "idlehands/command/+"
#: Told there as they are, for they ask for nothing: of the house itself, and what HQ tells of machines.
_AS_THEY_ARE = re.compile(r"homeassistant/device/(idlehands/config|idlehands(-[a-z0-9-]{1,32})?/state)")
_COMMAND = re.compile(r"idlehands/command/([^/]{1,32})")
#: Word -> what the machine is asked for, and for how many seconds.
_WORDS: dict[str, tuple[GuestCommand, int | None]] = {
    "pause": ("pause", None),
    "pause-hour": ("pause", HOUR_SECONDS),
    "drain": ("drain", None),
    "resume": ("resume", None),
}
_NAME = re.compile(NAME_PATTERN)
HQ_TOPIC = f"{DEFAULT_ROOT}/{HQ_STATE.of()}"
OFFLINE = b'{"data":{"online":false}}'
ONLINE = b'{"data":{"online":true}}'


def announced_agent(topic: str) -> str | None:
    """Return the machine that a topic announces; None if it is another topic."""
    found = _ANNOUNCED.fullmatch(topic)
    return found[1] if found else None


def is_told_as_it_is(topic: str) -> bool:
    """Tell whether what HQ says on a topic is said on the household's broker in the same words."""
    return _AS_THEY_ARE.fullmatch(topic) is not None


def retell_announcement(agent: str, payload: bytes) -> bytes:
    """Return an announcement with commands as words; empty where a machine is taken back.

    Raises:
        ValueError: If it is no announcement.
    """
    if not payload:
        return b""
    message = json.loads(payload)
    for part in message["components"].values():
        if "command_topic" not in part:
            continue
        part["command_topic"] = f"idlehands/command/{agent}"
        for key in ("payload_on", "payload_off", "payload_press"):
            if key in part:
                asked = json.loads(part[key])["data"]
                part[key] = _word_of(asked["command"], asked.get("seconds"))
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def heartbeat_topic(agent: str) -> str:
    """Return where a machine's state is."""
    return f"{DEFAULT_ROOT}/{HEARTBEAT.of(agent=agent)}"


def presence_topic(agent: str) -> str:
    """Return where it is said whether a machine is there."""
    return f"{DEFAULT_ROOT}/{PRESENCE.of(agent=agent)}"


def retell_heartbeat(beat: Heartbeat) -> bytes:
    """Return what of a heartbeat Home Assistant reads: no jobs, no claims."""
    guest = {"accepting": beat.guest.accepting, "reason": beat.guest.reason}
    data: dict[str, Any] = {
        "slots": beat.slots,
        "free": beat.free,
        "degraded": beat.degraded,
        "guest": {**guest, "house_wish": beat.guest.house_wish},
        "load": msgspec.to_builtins(beat.load),
    }
    return json.dumps({"data": data}, ensure_ascii=False, separators=(",", ":")).encode()


def _word_of(command: str, seconds: int | None) -> str:
    return next(word for word, asked in _WORDS.items() if asked == (command, seconds))


def read_command(topic: str, payload: bytes) -> tuple[str, GuestCommand, int | None] | None:
    """Return which machine is asked for what, and for how many seconds; None if that cannot be understood."""
    found = _COMMAND.fullmatch(topic)
    word = payload.decode("utf-8", "replace").strip().lower()
    if found is None or not _NAME.match(found[1]) or word not in _WORDS:
        return None
    return found[1], *_WORDS[word]


def condition_topic(topic: str) -> str:
    """Return the topic of the house on which agents find a condition."""
    return topic if topic.startswith("home/") else f"home/{topic}"


def matches(wanted: str, topic: str) -> bool:
    """Tell whether a topic is one of those that a filter names."""
    # Topics of a broker itself are in no `#`.
    parts, given = wanted.split("/"), topic.split("/")
    if topic.startswith("$") and not wanted.startswith("$"):
        return False
    for number, part in enumerate(parts):
        if part == "#":
            return True
        if number >= len(given) or part not in ("+", given[number]):
            return False
    return len(parts) == len(given)
