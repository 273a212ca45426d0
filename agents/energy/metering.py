"""Reads the counters when an attempt begins and ends, and keeps those that go round from being missed."""

import logging
import threading
from pathlib import Path

from msgspec.structs import replace

from agents.energy.attribution import JOULES_PER_KWH, Machine, Reading, Use, attribute
from agents.energy.counters import POWERCAP, Cards, Plug, Rapl, read_busy_seconds
from agents.energy.settings import EnergySettings, EnergySettingsBroken, read_settings, settings_file
from agents.energy.tariff import cost_of
from bus.clock import suspend_aware_seconds
from schemas.facts import AttemptResult, Energy

#: A package at 500 W goes round in nine minutes.
_KEEP_READING_SECONDS = 120.0
log = logging.getLogger(__name__)


class Metering:
    """The energy of attempts on one machine; used from their threads.

    Args:
        home: The agent's folder, which has `energy.json`.
        machine: What attempts have a part of.
        plug: What the plug says, where there is one.
        powercap: Where Linux has RAPL's counters.
    """

    def __init__(
        self, home: Path, machine: Machine, plug: Plug | None = None, powercap: Path = POWERCAP
    ) -> None:
        self._file, self._machine, self._plug = settings_file(home), machine, plug
        self._settings = EnergySettings()
        self._stamp: tuple[int, int] | None = None
        self._lock = threading.Lock()
        self._rapl, self._cards = Rapl(powercap), Cards()
        self._live = 0
        self._wake = threading.Condition(self._lock)
        if self._rapl.is_there:
            threading.Thread(target=self._keep_reading, name="energy", daemon=True).start()

    def begin(self, *, gpus: int) -> Reading:
        """Return the counters at an attempt's beginning. Each is followed by one `end`."""
        with self._lock:
            self._live += 1
            if self._live == 1:
                self._wake.notify_all()
            return self._read(gpus)

    def end(self, before: Reading, *, gpus: int, result: AttemptResult | None) -> AttemptResult | None:
        """Return the result with its energy; None where there is no result."""
        with self._lock:
            self._live -= 1
            after = self._read(gpus)
            if result is None or not result.duration_seconds:
                return result
            settings = self._read_settings()
        use = Use(result.duration_seconds, result.cpu_seconds, gpus)
        joules, source = attribute(before, after, use, self._machine, settings)
        kwh = joules / JOULES_PER_KWH
        cost = None
        if settings.tariff is not None:
            cost = cost_of(kwh, result.started_at, result.ended_at, settings.tariff)
        return replace(result, energy=Energy(kwh, source, cost, "" if cost is None else settings.currency))

    def _read(self, gpus: int) -> Reading:
        plug = None if self._plug is None else self._plug.read(suspend_aware_seconds())
        processor = self._rapl.read()
        # Without a counter nobody asks whose part it is.
        has_counter = plug is not None or processor is not None
        return Reading(
            plug,
            processor,
            self._cards.read() if gpus else None,
            read_busy_seconds() if has_counter else None,
        )

    def _keep_reading(self) -> None:
        with self._lock:
            while self._rapl.is_there:
                self._wake.wait(_KEEP_READING_SECONDS if self._live else None)
                self._rapl.read()

    def _read_settings(self) -> EnergySettings:
        """Return the owner's settings, read again when the file changed."""
        stamp: tuple[int, int] | None
        try:
            found = self._file.stat()
            stamp = (found.st_mtime_ns, found.st_size)
        except OSError:
            stamp = None
        if stamp != self._stamp:
            self._stamp = stamp
            try:
                self._settings = read_settings(self._file)
            except EnergySettingsBroken as error:
                self._settings = EnergySettings()
                log.error("%s", error)
        return self._settings
