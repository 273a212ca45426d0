"""What goes to a page: new properties of components, rows of tables, lines of a log."""

from dataclasses import dataclass, field
from typing import Any

from plotly.io.json import to_json_plotly

Props = dict[str, dict[str, Any]]


@dataclass
class Push:
    """One message to a page.

    Attributes:
        props: New properties by component.
        rows: Changes of a table: `all` that there is, `put` (add or lay over), `patch` (lay over), `drop`.
        lines: Lines of a log; with `reset` they are all that there is.
        cards: Machines: `all` that there are, or `put`, those that changed.
        bars: How far running jobs are, in percent; drawn without a component being made anew.
    """

    props: Props = field(default_factory=dict)
    rows: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    lines: dict[str, dict[str, Any]] = field(default_factory=dict)
    cards: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    bars: dict[str, float] = field(default_factory=dict)

    def __bool__(self) -> bool:
        return bool(self.props or self.rows or self.lines or self.cards or self.bars)

    def encode(self) -> str:
        """Return the message as JSON; components and figures as Dash sends them."""
        parts: dict[str, Any] = {"props": self.props, "rows": self.rows, "lines": self.lines}
        parts |= {"cards": self.cards, "bars": self.bars}
        return str(to_json_plotly({name: part for name, part in parts.items() if part}))


class Sent:
    """What was sent last, so that only what changed is sent again."""

    def __init__(self) -> None:
        self._last: dict[tuple[str, str], str] = {}

    def forget(self) -> None:
        """Send everything again next time: somebody was given something newer."""
        self._last.clear()

    def only_new(self, props: Props) -> Props:
        """Return those properties that are not what was sent last."""
        new: Props = {}
        for identity, given in props.items():
            for name, value in given.items():
                text = str(to_json_plotly(value))
                if self._last.get((identity, name)) != text:
                    self._last[identity, name] = text
                    new.setdefault(identity, {})[name] = value
        return new
