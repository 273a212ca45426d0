"""One file of an instrument, read on from where it was left. It knows formats, not who reads the numbers."""

import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from agents.instruments import mlflow, tensorboard, wandb
from agents.instruments.framing import BrokenFile, Cut, cut_events, cut_wandb
from agents.instruments.scalars import Picture, Scalar
from agents.instruments.search import Below, Kind

_READ_BYTES = 64 * 1024

#: The kinds that are sources.
MEASURED = frozenset({Kind.EVENTS, Kind.WANDB, Kind.METRIC})


class Summary(NamedTuple):
    """Numbers that a script set as its outcome."""

    values: dict[str, float]


Said = Scalar | Picture | Summary


class Source:
    """One file. A script may still write to it, or be hostile."""

    def __init__(self, name: str, kind: Kind, offset: int) -> None:
        """Begin at `offset`."""
        self.name, self.kind, self.offset = name, kind, offset
        #: Why nothing more is read of it; "" while all is well.
        self.broken = ""
        self.is_over = False
        #: How many records or lines could not be read.
        self.lost = 0
        place = mlflow.PLACE.fullmatch(name) if kind is Kind.METRIC else None
        #: The folder that its series belong to.
        self.run = place["run"] if place else name.rpartition("/")[0]
        self._metric = place["name"] if place else ""

    def read_on(self, below: Below, room: int) -> tuple[list[Said], bool]:
        """Return what about `room` bytes more say, and whether there are more still. Never raises."""
        said: list[Said] = []
        is_behind = False
        try:
            descriptor = below.open(self.name)
            with open(descriptor, "rb", buffering=_READ_BYTES) as file:
                size = os.fstat(descriptor).st_size
                if size < self.offset:
                    raise BrokenFile("it became shorter")
                if size > self.offset and self.kind is Kind.METRIC:
                    is_behind = self._read_lines(file, room, said)
                elif size > self.offset:
                    cut = cut_events if self.kind is Kind.EVENTS else cut_wandb
                    is_behind = self._read_records(cut(file, self.offset, size), room, said)
        except FileNotFoundError:
            return said, False
        except Exception as error:
            # Whatever a file makes of this, it must not cost the script.
            self.broken, self.is_over = str(error) or repr(error), True
        return said, is_behind

    def _read_lines(self, file: BinaryIO, room: int, said: list[Said]) -> bool:
        file.seek(self.offset)
        content = file.read(room)
        end = content.rfind(b"\n") + 1
        if not end and len(content) > mlflow.LINE_BYTES_AT_MOST:
            raise BrokenFile("its lines are no metric's")
        for line in content[:end].splitlines():
            scalar = mlflow.read_line(self._metric, line)
            if scalar is not None:
                said.append(scalar)
            elif line.strip():
                self.lost += 1
        self.offset += end
        return len(content) == room

    def _read_records(self, records: Iterator[Cut], room: int, said: list[Said]) -> bool:
        first = self.offset
        for record, after in records:
            self.offset = after
            try:
                if record is None:
                    self.lost += 1
                elif self.kind is Kind.EVENTS:
                    said += tensorboard.read_event(record)
                else:
                    logged, summary = wandb.read_record(record)
                    said += logged
                    if summary:
                        said.append(Summary(summary))
            except ValueError:
                self.lost += 1
            if after - first >= room:
                return True
        return False
