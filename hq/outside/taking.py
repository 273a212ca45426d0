"""Submits what messages from outside ask for: limited in rate, each once, and counted."""

import hashlib
import time
from collections import deque
from typing import Any

from msgspec import Struct

from hq.outside.mapping import Taking, Unfit, Unwanted, fill_in
from hq.rest.asking import Asking
from hq.rest.problems import Problem
from schemas.requests import Submit, SubmitPipeline, SubmitSweep

_MINUTE = 60.0


class Taken(Struct):
    """How it stands with one hook or topic since this process began."""

    submitted: int = 0
    unwanted: int = 0
    refused: int = 0
    last_at: float | None = None
    last: str = ""
    trouble: str = ""


class Takings:
    """Used on the server's event loop."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._taken: dict[str, Taken] = {}
        self._recent: dict[str, deque[float]] = {}

    def standing(self, kind: str, name: str) -> dict[str, Any]:
        """Return how it stands with one."""
        taken = self._taken.get(f"{kind}/{name}", Taken())
        return {field: getattr(taken, field) for field in Taken.__struct_fields__}

    async def take(self, kind: str, taking: Taking, message: Any, delivery: str | None) -> dict[str, Any]:
        """Submit what a message asks for; return `{"submitted": ..., "job": ...}`, or sweep, pipeline or why.

        Args:
            kind: hook or topic.
            taking: What the operator allowed.
            message: Any JSON.
            delivery: What tells this message from others. The same again submits nothing more.

        Raises:
            Problem: 422 if the message does not fit, 429 if there were too many, HQ's refusal.
        """
        taken = self._taken.setdefault(f"{kind}/{taking.name}", Taken())
        try:
            self._count(kind, taking)
            done = await self._submit(kind, taking, message, delivery)
        except Unwanted as unwanted:
            taken.unwanted += 1
            return {"submitted": False, "why": str(unwanted)}
        except Unfit as error:
            taken.refused, taken.trouble = taken.refused + 1, str(error)[:300]
            raise Problem(422, "bad_message", f"Nothing was submitted: {error}.") from None
        except Problem as problem:
            taken.refused, taken.trouble = taken.refused + 1, problem.detail[:300]
            raise
        taken.submitted += 1
        taken.last_at, taken.trouble = time.time(), ""
        taken.last = str(done.get("job") or done.get("sweep") or done.get("pipeline"))
        return {"submitted": True, **done}

    def _count(self, kind: str, taking: Taking) -> None:
        recent = self._recent.setdefault(f"{kind}/{taking.name}", deque(maxlen=600))
        now = time.monotonic()
        while recent and now - recent[0] > _MINUTE:
            recent.popleft()
        if len(recent) >= taking.per_minute:
            raise Problem(
                429,
                "too_many",
                f"{taking.name} takes {taking.per_minute} messages a minute. Nothing was submitted.",
                {"retry-after": str(int(_MINUTE - (now - recent[0])) + 1)},
            )
        recent.append(now)

    async def _submit(self, kind: str, taking: Taking, message: Any, delivery: str | None) -> dict[str, Any]:
        wanted = fill_in(taking, message)
        key = None
        if delivery is not None:
            key = hashlib.sha256(f"{kind}/{taking.name}/{delivery}".encode()).hexdigest()
        by = f"{kind}-{taking.name}"[:32].rstrip("-")
        if wanted.job is not None:
            done = await self._asking.change(Submit(key=key, on_behalf_of=by, jobs=(wanted.job,)))
            return {"job": done["jobs"][0], "position": done["position"]}
        if wanted.pipeline is not None:
            submit = SubmitPipeline(key=key, on_behalf_of=by, pipeline=wanted.pipeline)
            done = await self._asking.change(submit)
            return {"pipeline": done["pipeline"], "position": done["position"]}
        assert wanted.sweep is not None  # noqa: S101 - one of the three
        done = await self._asking.change(SubmitSweep(key=key, on_behalf_of=by, sweep=wanted.sweep))
        return {"sweep": done["sweep"], "position": done["position"]}
