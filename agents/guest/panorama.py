"""All sensors of a machine as one: looks at those that are due and puts together what they saw."""

from typing import Any

from agents.guest.equipment import Need
from agents.guest.readings import Readings
from agents.guest.sensors.port import Input, Seen, Sensor
from agents.guest.sensors.presence import combine
from agents.guest.settings import Settings

#: Nothing is in the owner's way while no job runs: then less often will do.
IDLE_FACTOR = 8.0
_IDLE_LONGEST_SECONDS = 30.0
_SLACK_SECONDS = 0.05


class Panorama:
    """Looks through sensors. Not safe for two threads."""

    def __init__(self, sensors: list[tuple[Sensor, Need]]) -> None:
        self._sensors = sensors
        self._seen: dict[str, tuple[float, Seen]] = {}

    def look(self, settings: Settings, now: float, *, busy: bool) -> Readings:
        """Return what is seen now of what the rules need."""
        values: dict[str, Any] = {}
        inputs: list[Input] = []
        for sensor, is_needed in self._sensors:
            if not is_needed(settings):
                self._seen.pop(sensor.name, None)
                continue
            seen = self._look(sensor, now, busy=busy)
            values.update(seen.values)
            inputs += seen.inputs
        seconds, why = combine(inputs)
        return Readings(**values, input_seconds=seconds, input_unknown=why, busy=busy)

    def describe(self) -> list[tuple[str, str]]:
        """Return what each sensor saw last, in words."""
        return [
            (sensor.name, self._seen[sensor.name][1].words if sensor.name in self._seen else "not needed")
            for sensor, _ in self._sensors
        ]

    def close(self) -> None:
        """Give back what sensors have open."""
        for sensor, _ in self._sensors:
            sensor.close()

    def _look(self, sensor: Sensor, now: float, *, busy: bool) -> Seen:
        every = sensor.every_seconds
        if not busy:
            every = min(IDLE_FACTOR * every, _IDLE_LONGEST_SECONDS)
        known = self._seen.get(sensor.name)
        if known is None or now - known[0] >= every - _SLACK_SECONDS:
            known = self._seen[sensor.name] = (now, sensor.look(now))
        return known[1]
