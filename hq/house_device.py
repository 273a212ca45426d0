"""What Home Assistant is told of the house itself: one device beside those of the machines.

Pure. Its values are on a topic of their own, beside the announcement: whoever may read that, or passes it
on, has both. Format: as in `hq.home_assistant`, and for values `homeassistant/components/mqtt/sensor.py`
of home-assistant/core, where `None` is a value that is not known.
"""

import json
from typing import Any

from msgspec import Struct

from bus.topics import HQ_STATE

#: No machine is called so: theirs begin with `idlehands-`.
HOUSE = "idlehands"
CONFIG_TOPIC = f"homeassistant/device/{HOUSE}/config"
STATE_TOPIC = f"homeassistant/device/{HOUSE}/state"
_ONLINE = "{{ 'online' if value_json.data.online else 'offline' }}"


class Best(Struct, frozen=True):
    """The best trial of a sweep."""

    sweep: str
    name: str
    metric: str
    value: float
    trial: int | None


class HouseState(Struct, frozen=True):
    """What is shown of the house. None is what is not known."""

    waiting: int
    running: int
    machines: int
    #: ISO 8601, to the minute.
    empty_at: str | None
    best: Best | None
    energy_today_kwh: float | None


def announce_house(root: str, version: str) -> bytes:
    """Return the discovery message of the house, as JSON.

    Args:
        root: The first levels of every topic of the house.
        version: Of HQ.
    """
    message = {
        "device": {
            "identifiers": [HOUSE],
            "name": "Idlehands",
            "manufacturer": "Idlehands",
            "model": "House",
            "sw_version": version,
        },
        "origin": {"name": "Idlehands", "sw_version": version},
        "availability": [{"topic": f"{root}/{HQ_STATE.of()}", "value_template": _ONLINE}],
        "state_topic": STATE_TOPIC,
        "components": {
            part: {"platform": "sensor", **given, "unique_id": f"{HOUSE}-{part}"}
            for part, given in _COMPONENTS.items()
        },
    }
    return json.dumps(message, ensure_ascii=False, separators=(",", ":")).encode()


_COUNTED = {"state_class": "measurement"}
_COMPONENTS: dict[str, dict[str, Any]] = {
    "waiting": {
        "name": "Jobs that wait",
        "icon": "mdi:tray-full",
        "value_template": "{{ value_json.data.waiting }}",
        **_COUNTED,
    },
    "running": {
        "name": "Jobs that run",
        "icon": "mdi:progress-wrench",
        "value_template": "{{ value_json.data.running }}",
        **_COUNTED,
    },
    "machines": {
        "name": "Machines that are there",
        "icon": "mdi:desktop-classic",
        "value_template": "{{ value_json.data.machines }}",
        **_COUNTED,
    },
    "empty_at": {
        "name": "Queue empty at",
        "icon": "mdi:timer-sand",
        "device_class": "timestamp",
        "value_template": "{{ value_json.data.empty_at }}",
    },
    "best": {
        "name": "Best of the latest sweep",
        "icon": "mdi:trophy-outline",
        "value_template": "{{ value_json.data.best.value if value_json.data.best else None }}",
        "json_attributes_topic": STATE_TOPIC,
        "json_attributes_template": "{{ (value_json.data.best or {}) | tojson }}",
        **_COUNTED,
    },
    "energy_today": {
        "name": "Energy of jobs today",
        "device_class": "energy",
        "unit_of_measurement": "kWh",
        "state_class": "total_increasing",
        "suggested_display_precision": 3,
        "value_template": "{{ value_json.data.energy_today_kwh }}",
    },
}
