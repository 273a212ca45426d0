"""Battery, mains and lid, as the kernel shows them below /sys/class/power_supply and /proc/acpi."""

import glob
import os
from typing import Any

from agents.guest.sensors.port import Seen


class Power:
    """The power supplies of the machine. Batteries of mice and headsets are none of them."""

    name = "power"
    every_seconds = 2.0

    def __init__(
        self, supplies: str = "/sys/class/power_supply", lids: str = "/proc/acpi/button/lid"
    ) -> None:
        self._supplies, self._lids = supplies, lids

    def look(self, now: float) -> Seen:
        """Read them all."""
        mains: list[bool] = []
        charges: list[tuple[float | None, str]] = []
        for folder in sorted(glob.glob(f"{self._supplies}/*")):
            kind = _read(folder, "type")
            if kind in ("Mains", "USB") and (online := _read(folder, "online")) in ("0", "1", "2"):
                mains.append(online != "0")
            elif kind == "Battery" and _read(folder, "scope") != "Device":
                charge = _read(folder, "capacity")
                charges.append((float(charge) if charge.isdigit() else None, _read(folder, "status")))
        values: dict[str, Any] = {
            "has_battery": bool(charges),
            "on_mains": _on_mains(mains, [status for _, status in charges]),
            "lid_closed": self._lid_closed(),
        }
        percents = [percent for percent, _ in charges if percent is not None]
        values["battery_percent"] = min(percents) if percents else None
        values["battery_rests"] = bool(charges) and all(
            status in ("Not charging", "Full") for _, status in charges
        )
        return Seen(_describe(values), values)

    def close(self) -> None:
        """Nothing is open."""

    def _lid_closed(self) -> bool | None:
        states = [_read(folder, "state") for folder in glob.glob(f"{self._lids}/*")]
        if not states:
            return False  # no lid, so none that is closed
        told = ["closed" in state for state in states if "closed" in state or "open" in state]
        return all(told) if told else None


def _on_mains(mains: list[bool], statuses: list[str]) -> bool | None:
    if not statuses:
        return True  # no battery: whatever feeds it, it is not that
    if any(mains) and "Discharging" not in statuses:
        return True
    if "Discharging" in statuses:
        return False
    if any(status in ("Charging", "Full", "Not charging") for status in statuses):
        return True
    return False if mains else None


def _describe(values: dict[str, Any]) -> str:
    if not values["has_battery"]:
        return "no battery, so on mains"
    where = {True: "on mains", False: "on battery", None: "mains or battery unknown"}[values["on_mains"]]
    percent = values["battery_percent"]
    lid = {True: ", lid closed", False: "", None: ", lid unknown"}[values["lid_closed"]]
    return f"{where}, battery {'unknown' if percent is None else f'at {percent:.0f} %'}{lid}"


def _read(folder: str, name: str) -> str:
    try:
        with open(os.path.join(folder, name), encoding="ascii", errors="replace") as file:
            return file.read(256).strip()
    except OSError:
        return ""
