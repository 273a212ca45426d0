"""Trials of another time that a sweep's spec names as a blob, told in parts that fit a message. Read-only."""

from typing import Any

import gridfs
import msgspec
from msgspec import Struct
from pymongo.database import Database

from schemas.searches import MAX_PAST_BYTES, MAX_PAST_TRIALS
from schemas.specs import PastTrial

BUCKET = "blobs"
#: One answer must fit one message.
ANSWER_BYTES = 100 * 1024


class PastAsked(Struct, frozen=True):
    """Which trials are wanted: those of a blob after so many."""

    sha256: str
    after: int


class PastReader:
    """Reads such blobs, and keeps the one that was asked for last."""

    def __init__(self, database: Database[dict[str, Any]]) -> None:
        self._database = database
        self._sha256 = ""
        self._trials: list[PastTrial] = []

    def read(self, asked: PastAsked) -> dict[str, Any]:
        """Return `{"past": [...], "more": bool}`; with a blob that cannot be used, `why`.

        Raises:
            PyMongoError: If the database does not answer.
        """
        if asked.sha256 != self._sha256 and (why := self._load(asked.sha256)):
            return {"past": [], "more": False, "why": why}
        part: list[Any] = []
        room = ANSWER_BYTES
        rest = self._trials[asked.after :]
        for trial in rest:
            plain = msgspec.to_builtins(trial)
            room -= len(msgspec.json.encode(plain)) + 1
            if part and room < 0:
                break
            part.append(plain)
        return {"past": part, "more": len(part) < len(rest)}

    def _load(self, sha256: str) -> str:
        """Read a blob; return why it cannot be used, or ""."""
        bucket = gridfs.GridFSBucket(self._database, BUCKET)
        try:
            with bucket.open_download_stream_by_name(sha256) as stream:
                if stream.length > MAX_PAST_BYTES:
                    return f"its past, blob {sha256}, has {stream.length} bytes, at most {MAX_PAST_BYTES}"
                content = stream.read()
        except gridfs.NoFile:
            return f"its past, blob {sha256}, is not here: bring it with `idlehands sweep --warm-start`"
        try:
            trials = msgspec.json.decode(content, type=list[PastTrial])
        except (msgspec.DecodeError, RecursionError) as error:
            return f"its past, blob {sha256}, is no list of trials: {error}"
        if len(trials) > MAX_PAST_TRIALS:
            return f"its past, blob {sha256}, has {len(trials)} trials, at most {MAX_PAST_TRIALS}"
        self._sha256, self._trials = sha256, trials
        return ""
