"""How long things are kept: `retention.json` of the house. Without it nothing that counts is deleted.

Written by hand, by the page and by `idlehands hq keep`; HQ reads it before every round of its housekeeping.
"""

from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from hq.read_models.retention import Retention
from trust.private_files import write_private

Days = Annotated[float, Meta(gt=0)]


class SettingsUnusable(ValueError):
    """The file cannot be understood; the message says what to correct."""


class Keeping(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What `retention.json` holds. None keeps for ever."""

    #: Jobs that have ended, and sweeps whose jobs are gone. Trials of a running sweep stay.
    finished_jobs_days: Days | None = None
    #: Log lines and metric points, whether their job has ended or not.
    logs_days: Days | None = None
    #: In documents: one of a log holds the lines of one message, one of progress a point.
    logs_per_job: Annotated[int, Meta(ge=10)] = 2_000
    progress_per_job: Annotated[int, Meta(ge=10)] = 10_000
    logs_in_all: Annotated[int, Meta(ge=1000)] = 500_000
    progress_in_all: Annotated[int, Meta(ge=1000)] = 2_000_000
    #: How long a blob that nothing refers to stays: long enough for the submit that follows an upload.
    blobs_grace_hours: Annotated[float, Meta(ge=1)] = 24
    #: Compact the event log when it is larger than this.
    compact_above_mb: Annotated[int, Meta(ge=1)] | None = None
    #: The latest decisions that a compaction leaves in the log.
    compact_keep: Annotated[int, Meta(ge=1)] = 10_000

    def retention(self) -> Retention:
        """Return what the recorder keeps."""
        return Retention(
            logs_per_job=self.logs_per_job,
            progress_per_job=self.progress_per_job,
            logs_in_all=self.logs_in_all,
            progress_in_all=self.progress_in_all,
        )


def read_settings(file: Path | None) -> Keeping:
    """Return what the file says; the defaults when there is none.

    Raises:
        SettingsUnusable: If it is there and cannot be read or understood.
    """
    if file is None or not file.exists():
        return Keeping()
    try:
        return msgspec.json.decode(file.read_bytes(), type=Keeping)
    except OSError as error:
        raise SettingsUnusable(f"{file} cannot be read: {error.strerror}.") from None
    except msgspec.DecodeError as error:
        names = ", ".join(Keeping.__struct_fields__)
        raise SettingsUnusable(f"{file} cannot be understood: {error}. It may set {names}.") from None


def change_settings(file: Path, changes: dict[str, Any]) -> Keeping:
    """Put these settings into the file, whole or not at all, leave the others, and return all of them.

    A setting that is None is taken out: its default holds again.

    Raises:
        SettingsUnusable: If the file cannot be read, understood or written, or a value cannot be.
    """
    given = {**msgspec.to_builtins(read_settings(file)), **changes}
    default = msgspec.to_builtins(Keeping())
    chosen = {
        name: value for name, value in given.items() if value is not None and value != default.get(name)
    }
    try:
        keeping = msgspec.convert(chosen, Keeping)
        write_private(file, msgspec.json.format(msgspec.json.encode(chosen)) + b"\n")
    except msgspec.ValidationError as error:
        raise SettingsUnusable(f"This cannot be kept: {error}.") from None
    except OSError as error:
        raise SettingsUnusable(f"{file} cannot be written: {error.strerror}.") from None
    return keeping
