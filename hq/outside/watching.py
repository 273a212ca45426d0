"""What nobody writes into the log: the house itself is not well, or well again. Pure.

Something must be wrong for a while before it is told, and is told once.
"""

from collections.abc import Mapping

from hq.outside.happenings import Happening

WRONG_SECONDS = 60.0


class Watch:
    """Notes what is wrong since when, and says what is news."""

    def __init__(self, told: dict[str, float]) -> None:
        #: Told already, kept over restarts by whoever gave it.
        self._told = told
        self._since: dict[str, float] = {}

    def look(self, wrong: Mapping[str, str], now: float) -> list[Happening]:
        """Return what is news.

        Args:
            wrong: What is wrong now, by a word that stays the same, in words.
            now: Unix seconds.
        """
        news: list[Happening] = []
        for key, words in wrong.items():
            since = min(self._since.setdefault(key, now), now)
            if key not in self._told and now - since >= WRONG_SECONDS:
                self._told[key] = since
                news.append(_happening(key, "wrong", now, words))
        for key in [key for key in self._since if key not in wrong]:
            del self._since[key]
        for key in [key for key in self._told if key not in wrong]:
            began = self._told.pop(key)
            news.append(
                _happening(key, "well", now, f"The house is well again: {key}, after {now - began:.0f} s")
            )
        return news


def _happening(key: str, how: str, now: float, text: str) -> Happening:
    return Happening(id=f"{key}/{how}/{now:.0f}", what="house_unhealthy", at=now, text=text)
