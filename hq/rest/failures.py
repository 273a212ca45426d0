"""Wrong tokens, or logins, by address: after too many, an address is told to wait."""

from collections import OrderedDict

#: Wrong ones from one address before it is told to wait.
FAILURES_ALLOWED = 20
FAILURES_SECONDS = 60.0
_ADDRESSES_KEPT = 4096


class Failures:
    """Wrong tries by address, in a sliding window, bounded in number."""

    def __init__(self) -> None:
        self._failed: OrderedDict[str, list[float]] = OrderedDict()

    def are_too_many(self, address: str, now: float) -> bool:
        """Tell whether this address has used up its tries."""
        recent = [at for at in self._failed.get(address, ()) if now - at < FAILURES_SECONDS]
        return len(recent) >= FAILURES_ALLOWED

    def count(self, address: str, now: float) -> None:
        """Count one more."""
        recent = [at for at in self._failed.pop(address, ()) if now - at < FAILURES_SECONDS]
        self._failed[address] = [*recent, now][-FAILURES_ALLOWED:]
        while len(self._failed) > _ADDRESSES_KEPT:
            self._failed.popitem(last=False)
