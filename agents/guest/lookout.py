"""The agent's thread that looks at the machine, asks the policy, and tells the loop what follows.

Quick while a job runs: four looks a second. Slow while none does. What it
tells is only news: the loop wakes for nothing else.
"""

import logging
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from agents.guest.awake import Awake
from agents.guest.conditions import parse_condition
from agents.guest.decision import Decision, Memory
from agents.guest.equipment import build_sensors, is_unconditional
from agents.guest.panorama import Panorama
from agents.guest.policy import decide
from agents.guest.readings import Readings, Wish
from agents.guest.settings import Preset, Settings, SettingsBroken, read_settings, settings_file
from agents.guest.wishes import HOUSE, OWN, read_wish, write_file, write_wish
from schemas.messages import GuestOrder

BUSY_SECONDS = 0.25
IDLE_SECONDS = 2.0
#: The words of a decision that stays are told again this often: they hold times.
_WORDS_SECONDS = 5.0
_VALUE_CHARACTERS = 200

log = logging.getLogger(__name__)


class PolicySays(Struct, frozen=True):
    """Put into the loop's queue: what jobs may do now, and which topics the conditions are about."""

    decision: Decision
    preset: str = "dedicated"
    topics: tuple[str, ...] = ()
    #: What holds of what was asked for through HQ; "" when nothing does.
    house_wish: str = ""


class Lookout:
    """Watches for one agent.

    Args:
        home: The agent's folder, with the owner's rules and wishes.
        tell: Called from this thread with each `PolicySays`.
        preset: Holds in place of the one in the rules, None: the one there.
        gpus: Whether GPU jobs may come.
    """

    def __init__(
        self,
        home: Path,
        tell: Callable[[PolicySays], None],
        *,
        preset: Preset | None = None,
        gpus: bool = False,
    ) -> None:
        self._home, self._tell, self._preset = home, tell, preset
        self._settings = Settings(preset=preset or "polite")
        self._broken = ""
        self._wishes: dict[str, Wish | None] = {}
        self._stamps: dict[str, tuple[int, ...] | None] = {}
        self._panorama = Panorama(build_sensors(home, lambda: self._settings, gpus=gpus))
        self._awake = Awake()
        self._memory = Memory()
        self._heard: dict[str, str] = {}
        self._told: PolicySays | None = None
        self._told_at = self._looked_at = time.monotonic() - 60
        self._busy = False
        self._is_due = False
        self._wake = threading.Event()
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="lookout", daemon=True)

    def start(self) -> None:
        """Look once, tell, and go on in a thread of its own."""
        self.look()
        self._thread.start()

    def close(self) -> None:
        """End the thread. Safe to repeat."""
        self._ended.set()
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join()
        self._panorama.close()
        self._awake.close()

    def note_busy(self, busy: bool) -> None:
        """Take in whether a job runs; any thread may say so, and often."""
        if busy != self._busy:
            self._busy = busy
            if busy:
                # Not to look at once, but to go over to looking often.
                self._wake.set()
            elif self._awake.is_held:
                self._hurry()

    def poke(self) -> None:
        """Look now, unless that was just done."""
        if time.monotonic() - self._looked_at >= BUSY_SECONDS:
            self._hurry()

    def _hurry(self) -> None:
        self._is_due = True
        self._wake.set()

    def hear(self, topic: str, payload: bytes) -> None:
        """Take in what was published on a topic of a condition."""
        value = payload[: 4 * _VALUE_CHARACTERS].decode("utf-8", "replace")[:_VALUE_CHARACTERS]
        self._heard = {**self._heard, topic: value}
        self._hurry()

    def wish(self, order: GuestOrder) -> None:
        """Take in what somebody of the house asks for, and keep it. It never overrules the owner."""
        wish = None
        if order.command != "resume":
            wish = Wish(order.command, None if order.seconds is None else time.time() + order.seconds)
        log.info("%s asks this machine to %s", order.asked_by or "somebody of the house", order.command)
        try:
            write_wish(self._home, HOUSE, wish)
        except OSError as error:
            log.error("what the house asks for cannot be kept: %s", error)
        self._hurry()

    def look(self) -> None:
        """Look, decide, and tell what is new."""
        now = self._looked_at = time.monotonic()
        self._read_files()
        readings = Readings(busy=self._busy)
        if not is_unconditional(self._settings):
            readings = self._panorama.look(self._settings, now, busy=self._busy)
        local = time.localtime()
        readings = replace(
            readings,
            topics=self._heard,
            minute_of_week=local.tm_wday * 1440 + local.tm_hour * 60 + local.tm_min,
            unix=time.time(),
            own_wish=self._wishes.get(OWN),
            house_wish=self._wishes.get(HOUSE),
        )
        decision, self._memory = decide(self._settings, readings, now, self._memory)
        if self._broken:
            decision = _stand_still("rules", self._broken, self._settings.grace_seconds)
        self._awake.keep(now, wanted=self._busy and decision.cpu == "run" and readings.on_mains is not False)
        topics = tuple(dict.fromkeys(parse_condition(text).topic for text in self._settings.only_while))
        asked = readings.house_wish
        holds = asked.command if asked is not None and asked.holds(readings.unix) else ""
        self._say(PolicySays(decision, self._settings.preset, topics, holds), now)

    def _say(self, says: PolicySays, now: float) -> None:
        told = self._told
        is_news = told is None or (
            (told.decision.essence, told.preset, told.topics, told.house_wish)
            != (says.decision.essence, says.preset, says.topics, says.house_wish)
        )
        if is_news or (says != told and now - self._told_at >= _WORDS_SECONDS):
            self._told, self._told_at = says, now
            self._tell(says)
            if is_news:
                self._note(says)

    def _note(self, says: PolicySays) -> None:
        """Write down what was decided, for `idlehands agent check`."""
        noted = {
            "at": time.time(),
            "pid": os.getpid(),
            "says": says,
            "saw": self._panorama.describe(),
            "heard": self._heard,
        }
        try:
            write_file(self._home / "guest-now.json", msgspec.json.encode(noted))
        except OSError as error:
            log.warning("what was decided cannot be noted: %s", error)

    def _run(self) -> None:
        while not self._ended.is_set():
            quick = self._busy and not is_unconditional(self._settings)
            left = self._looked_at + (BUSY_SECONDS if quick else IDLE_SECONDS) - time.monotonic()
            if left > 0 and not self._is_due:
                self._wake.wait(left)
                self._wake.clear()
                continue
            self._is_due = False
            try:
                self.look()
            except Exception:
                # Without a lookout nobody would know that the owner is there.
                log.exception("the machine could not be looked at")
                broken = "the agent cannot look at this machine: its log says why"
                self._say(PolicySays(_stand_still("lookout", broken)), time.monotonic())

    # --- files -----------------------------------------------------------------------

    def _read_files(self) -> None:
        file = settings_file(self._home)
        if self._has_changed(file):
            try:
                found = read_settings(file)
                self._settings = found if self._preset is None else replace(found, preset=self._preset)
                self._broken = ""
            except SettingsBroken as error:
                # Not the usual rules instead: the owner may have wanted stricter ones.
                self._broken = f"the owner's rules cannot be used: {error}"[:180]
                log.error("%s", self._broken)
        for name in (OWN, HOUSE):
            if self._has_changed(self._home / name):
                self._wishes[name] = read_wish(self._home, name)

    def _has_changed(self, file: Path) -> bool:
        try:
            found = file.stat()
            stamp = (found.st_mtime_ns, found.st_size, found.st_ino)
        except OSError:
            stamp = None
        if file.name in self._stamps and self._stamps[file.name] == stamp:
            return False
        self._stamps[file.name] = stamp
        return True


def _stand_still(cause: str, why: str, grace_seconds: float = 60.0) -> Decision:
    """Return the decision for an agent that does not know what it may do."""
    return Decision(
        *(False, False, "freeze", "vacate"),
        reason=why,
        gpu_reason=why,
        causes=(cause,),
        grace_seconds=grace_seconds,
    )
