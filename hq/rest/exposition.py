"""Prometheus's text format, version 0.0.4: names, labels and numbers to lines."""

from collections.abc import Iterable, Mapping
from typing import Any

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


class Exposition:
    """Collects metrics. Each name is used for one call."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    def add(
        self, name: str, kind: str, explanation: str, samples: Iterable[tuple[Mapping[str, str], float]]
    ) -> None:
        """Add a gauge or counter with a sample for each set of labels; nothing without samples."""
        found = [f"{name}{_labels(labels)} {_number(value)}" for labels, value in samples]
        if found:
            self._head(name, kind, explanation)
            self._lines.extend(found)

    def add_one(self, name: str, kind: str, explanation: str, value: float | None) -> None:
        """Add a gauge or counter without labels; nothing if its value is not known."""
        if value is not None:
            self.add(name, kind, explanation, [({}, value)])

    def add_histogram(self, name: str, explanation: str, read: Mapping[str, Any] | None) -> None:
        """Add what `Histogram.read` gave."""
        if not read:
            return
        self._head(name, "histogram", explanation)
        so_far = 0
        for bound, count in zip([*read["bounds"], None], read["counts"], strict=True):
            so_far += count
            edge = "+Inf" if bound is None else _number(bound)
            self._lines.append(f"{name}_bucket{_labels({'le': edge})} {so_far}")
        self._lines.append(f"{name}_sum {_number(read['sum'])}")
        self._lines.append(f"{name}_count {so_far}")

    def text(self) -> str:
        """Return all of it."""
        return "".join(f"{line}\n" for line in self._lines)

    def _head(self, name: str, kind: str, explanation: str) -> None:
        self._lines.append(f"# HELP {name} {explanation}")
        self._lines.append(f"# TYPE {name} {kind}")


def _labels(labels: Mapping[str, str]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels.items()) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    return repr(value) if isinstance(value, float) and not value.is_integer() else str(int(value))
