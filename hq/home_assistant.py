"""What Home Assistant is told of a machine: one discovery message, in its device-based form.

Pure. Home Assistant then reads what the machine itself says: its heartbeats, its
presence, and HQ's state. Format: https://www.home-assistant.io/integrations/mqtt/#device-discovery-payload
and `homeassistant/components/mqtt/schemas.py` (DEVICE_DISCOVERY_SCHEMA) of home-assistant/core.

The switch sends an ordinary request of the client `homeassistant`, on that client's own
topic: who may write there, the broker knows from the certificate.
"""

import json
from typing import Any

from msgspec import Struct

from bus.codec import SPEC_VERSION
from bus.topics import HEARTBEAT, HQ_STATE, PRESENCE, REQUEST
from hq.core.state import AgentRecord

#: The name of the certificate that Home Assistant, or a bridge to its broker, connects with.
CLIENT = "homeassistant"
#: Three heartbeats missed, and some.
_EXPIRES_SECONDS = 45
HOUR_SECONDS = 3600
_LONGEST = "truncate(250, true, '...', 0)"
_GUEST = "{% set guest = value_json.data.guest | default({}) %}"
_ONLINE = "{{ 'online' if value_json.data.online else 'offline' }}"


class MachineState(Struct, frozen=True):
    """What HQ tells of a machine beside what its heartbeats tell."""

    #: The names of what it runs; "" when it runs nothing.
    running: str
    #: None: its results have told of none yet.
    energy_today_kwh: float | None


def topic_of(agent: str) -> str:
    """Return the whole topic that a machine is announced on."""
    return f"homeassistant/device/idlehands-{agent}/config"


def state_topic_of(agent: str) -> str:
    """Return the whole topic of what HQ tells of a machine."""
    return f"homeassistant/device/idlehands-{agent}/state"


def announcement(agent: AgentRecord, root: str, version: str) -> bytes:
    """Return the discovery message of a machine, as JSON.

    Args:
        agent: As HQ knows it.
        root: The first levels of every topic of the house.
        version: Of HQ.
    """
    name = agent.name
    message = {
        "device": {
            "identifiers": [f"idlehands-{name}"],
            "name": name,
            "manufacturer": "Idlehands",
            "model": agent.facts.processor or "Computer",
            **({"sw_version": agent.facts.version} if agent.facts.version else {}),
        },
        "origin": {"name": "Idlehands", "sw_version": version},
        "availability": [
            {"topic": f"{root}/{HQ_STATE.of()}", "value_template": _ONLINE},
            {"topic": f"{root}/{PRESENCE.of(agent=name)}", "value_template": _ONLINE},
        ],
        "availability_mode": "all",
        "state_topic": f"{root}/{HEARTBEAT.of(agent=name)}",
        "components": {
            part: {**given, "unique_id": f"idlehands-{name}-{part}"}
            for part, given in (_components(name, root) | _gauges(agent)).items()
        },
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


def _components(agent: str, root: str) -> dict[str, dict[str, Any]]:
    asks = {"command_topic": f"{root}/{REQUEST.of(client=CLIENT)}"}
    return {
        "accept_jobs": {
            "platform": "switch",
            "name": "Accept jobs",
            "icon": "mdi:hand-back-right-outline",
            "payload_on": _request(agent, "resume"),
            "payload_off": _request(agent, "pause"),
            "state_on": "ON",
            "state_off": "OFF",
            "value_template": _GUEST + "{{ 'OFF' if guest.house_wish | default('') else 'ON' }}",
            **asks,
        },
        "drain": {
            "platform": "button",
            "name": "Finish and rest",
            "icon": "mdi:tray-remove",
            "payload_press": _request(agent, "drain"),
            **asks,
        },
        "hour": {
            "platform": "button",
            "name": "Leave me alone for an hour",
            "icon": "mdi:timer-pause-outline",
            "payload_press": _request(agent, "pause", HOUR_SECONDS),
            **asks,
        },
        "doing": {
            "platform": "sensor",
            "name": "Doing",
            "icon": "mdi:progress-wrench",
            "device_class": "enum",
            "options": ["working", "ready", "resting"],
            "expire_after": _EXPIRES_SECONDS,
            "value_template": _GUEST
            + "{% if value_json.data.degraded | default('') or not guest.accepting | default(true) %}resting"
            "{% elif value_json.data.free < value_json.data.slots %}working{% else %}ready{% endif %}",
        },
        "why": {
            "platform": "sensor",
            "name": "Why",
            "icon": "mdi:help-circle-outline",
            "expire_after": _EXPIRES_SECONDS,
            "value_template": _GUEST
            + "{{ (value_json.data.degraded | default('') or guest.reason | default('') or "
            "'takes jobs') | " + _LONGEST + " }}",
        },
        "busy_slots": {
            "platform": "sensor",
            "name": "Scripts that run",
            "icon": "mdi:counter",
            "state_class": "measurement",
            "expire_after": _EXPIRES_SECONDS,
            "value_template": "{{ value_json.data.slots - value_json.data.free }}",
        },
    }


def _gauges(agent: AgentRecord) -> dict[str, dict[str, Any]]:
    """Return what is measured of a machine, and what HQ tells of it."""
    percent = {"unit_of_measurement": "%"}
    warmth = {"unit_of_measurement": "°C", "device_class": "temperature"}
    parts = {
        "cpu": ("CPU", {"icon": "mdi:cpu-64-bit", **percent}),
        "memory": ("Memory", {"icon": "mdi:memory", **percent}),
        "cpu_celsius": ("CPU temperature", warmth),
    }
    if agent.facts.gpus:
        parts["gpu"] = ("GPU", {"icon": "mdi:expansion-card", **percent})
        parts["gpu_celsius"] = ("GPU temperature", warmth)
    told = {"platform": "sensor", "state_topic": state_topic_of(agent.name)}
    return {
        part: {
            "platform": "sensor",
            "name": name,
            "state_class": "measurement",
            "suggested_display_precision": 0,
            "expire_after": _EXPIRES_SECONDS,
            "value_template": "{{ (value_json.data.load | default({}, true))." + part + " | default(None) }}",
            **more,
        }
        for part, (name, more) in parts.items()
    } | {
        "running": {
            "name": "Running",
            "icon": "mdi:script-text-play-outline",
            "value_template": "{{ (value_json.data.running or 'nothing') | " + _LONGEST + " }}",
            **told,
        },
        "energy_today": {
            "name": "Energy of jobs today",
            "device_class": "energy",
            "unit_of_measurement": "kWh",
            "state_class": "total_increasing",
            "suggested_display_precision": 3,
            "value_template": "{{ value_json.data.energy_today_kwh }}",
            **told,
        },
    }


def _request(agent: str, command: str, seconds: int | None = None) -> str:
    """Return a whole request. Its id never changes: asking again asks for the same, and changes no log."""
    lasts = {} if seconds is None else {"seconds": seconds}
    return json.dumps(
        {
            "specversion": SPEC_VERSION,
            "id": f"{CLIENT}-{agent}-{command}" + ("" if seconds is None else f"-{seconds}"),
            "source": CLIENT,
            "type": REQUEST.type,
            "data": {"kind": "ask_agent", "agent": agent, "command": command, **lasts},
        },
        separators=(",", ":"),
    )
