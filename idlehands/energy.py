"""What jobs and sweeps used in energy and money, from the results of their attempts, in words."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

#: The weakest last: a sum is as good as the weakest of its parts.
_SOURCES = ("plug", "measured", "estimated")


@dataclass
class Total:
    """A sum over attempts."""

    kwh: float = 0.0
    sources: set[str] = field(default_factory=set)
    #: By currency, "" where none was named.
    costs: dict[str, float] = field(default_factory=lambda: defaultdict(float))


def add_up(results: Iterable[Mapping[str, Any] | None]) -> Total | None:
    """Return the sum over results as REST has them; None when none of them tells."""
    total: Total | None = None
    for result in results:
        energy = (result or {}).get("energy")
        if not energy:
            continue
        total = total or Total()
        total.kwh += float(energy["kwh"])
        total.sources.add(str(energy["source"]))
        if energy.get("cost") is not None:
            total.costs[str(energy.get("currency") or "")] += float(energy["cost"])
    return total


def describe(total: Total | None) -> str:
    """Return a sum as people say it, such as `12.5 Wh (0.004 EUR), measured`; empty when there is none."""
    if total is None:
        return ""
    money = ", ".join(f"{_amount(cost)} {currency}".strip() for currency, cost in sorted(total.costs.items()))
    known = [source for source in _SOURCES if source in total.sources]
    others = sorted(total.sources - set(_SOURCES))
    source = (known + others)[-1]
    partly = "partly " if len(total.sources) > 1 else ""
    named = {"plug": "by its plug"}.get(source, source)
    return f"{_energy(total.kwh)}{f' ({money})' if money else ''}, {partly}{named}"


def _energy(kwh: float) -> str:
    if kwh >= 1:
        return f"{kwh:.2f} kWh" if kwh < 100 else f"{kwh:.0f} kWh"
    watt_hours = kwh * 1000
    return "under 0.001 Wh" if watt_hours < 0.001 else f"{watt_hours:.3g} Wh"


def _amount(cost: float) -> str:
    if 0 < cost < 0.0001:
        return "under 0.0001"
    return f"{cost:.2f}" if cost >= 0.1 or cost == 0 else f"{cost:.1g}"
