"""The addresses of this machine's network cards, by which it can be woken."""

import os
from pathlib import Path

_CARDS = Path("/sys/class/net")
_MOST = 8


def find_wake_addresses(cards: Path = _CARDS) -> tuple[str, ...]:
    """Return the addresses of the real network cards, those with a cable first; none if nobody knows."""
    if cards.is_dir():
        return _read_cards(cards)
    # Late: only where the owner allows waking, and not on Linux.
    import uuid

    node = uuid.getnode()
    # Python makes one up, and marks it so, where it finds none (RFC 4122, 4.5).
    if node >> 40 & 1:
        return ()
    return (":".join(f"{node >> shift & 0xFF:02x}" for shift in range(40, -1, -8)),)


def _read_cards(cards: Path) -> tuple[str, ...]:
    found: list[tuple[bool, str]] = []
    for name in sorted(os.listdir(cards)):
        card = cards / name
        # Bridges, tunnels and the like belong to no device.
        if not (card / "device").exists():
            continue
        try:
            address = (card / "address").read_text().strip().lower()
        except OSError:
            continue
        if len(address) == 17 and address != "00:00:00:00:00:00":
            found.append(((card / "wireless").exists(), address))
    return tuple(address for _, address in sorted(found)[:_MOST])
