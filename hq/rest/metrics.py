"""What /metrics says: gathered from HQ, the database and this server, and written as Prometheus reads it.

Whatever does not answer is left out, and `idlehands_up` says so: a scrape
never fails because a part is away.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

from pymongo.errors import PyMongoError

from hq.rest import queries
from hq.rest.asking import NoAnswer
from hq.rest.counting import RequestCounts
from hq.rest.exposition import Exposition
from hq.rest.house import House
from schemas.requests import ReadStatus
from schemas.states import FINAL_STATUSES, JobStatus

#: What HQ may take to answer.
ASK_SECONDS = 2.0
#: What is counted in the database is counted at most this often.
KEPT_SECONDS = 10.0
#: Whether the house is ready is asked at most this often, whoever asks.
READY_SECONDS = 1.0


class Health:
    """Asks the parts of a house how they are."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._asking = asyncio.Lock()
        self._ready: tuple[float, dict[str, bool]] | None = None
        self._stored: tuple[float, dict[str, Any]] | None = None

    async def read_ready(self) -> dict[str, bool]:
        """Return which of broker, database and HQ answer."""
        async with self._asking:
            if self._ready is None or time.monotonic() - self._ready[0] > READY_SECONDS:
                hq = await self._ask_hq()
                database = await self._database_answers()
                parts = {
                    "broker": self._house.live.connected,
                    "database": database and hq.get("database", "ok") == "ok",
                    "hq": bool(hq),
                }
                self._ready = (time.monotonic(), parts)
            return self._ready[1]

    async def _ask_hq(self) -> dict[str, Any]:
        try:
            return (await self._house.asking.ask(ReadStatus(), ASK_SECONDS)).result
        except NoAnswer:
            return {}

    async def _database_answers(self) -> bool:
        try:
            await queries.read_position(self._house.database)
        except PyMongoError:
            return False
        return True

    async def read_metrics(self) -> str:
        """Return everything as text."""
        hq, stored = await asyncio.gather(self._ask_hq(), self._read_stored())
        text = Exposition()
        up = {"broker": self._house.live.connected, "database": bool(stored), "hq": bool(hq)}
        text.add(
            "idlehands_up", "gauge", "Whether a part answers.", [({"part": p}, int(u)) for p, u in up.items()]
        )
        _add_jobs(text, hq, stored)
        _add_hq(text, hq)
        _add_stored(text, hq, stored)
        _add_requests(text, self._house.requests)
        return text.text()

    async def _read_stored(self) -> dict[str, Any]:
        if self._stored is not None and time.monotonic() - self._stored[0] < KEPT_SECONDS:
            return self._stored[1]
        database = self._house.database
        try:
            position = await queries.read_position(database)
            ended = {
                str(status): await database["jobs"].count_documents({"status": status.value}, maxTimeMS=2000)
                for status in sorted(FINAL_STATUSES)
            }
            blobs = {"count": 0, "bytes": 0}
            total = {"$group": {"_id": None, "count": {"$sum": 1}, "bytes": {"$sum": "$length"}}}
            async for row in await database["blobs.files"].aggregate([total], maxTimeMS=2000):
                blobs = row
            events = await database["events"].estimated_document_count(maxTimeMS=2000)
        except PyMongoError:
            return {}
        found = {"position": position, "jobs": ended, "blobs": blobs, "events": events}
        self._stored = (time.monotonic(), found)
        return found


def _add_jobs(text: Exposition, hq: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
    jobs: dict[str, int] = {}
    if hq:
        live = {str(status): 0 for status in JobStatus if status not in FINAL_STATUSES}
        jobs.update(live | hq["jobs"])
    jobs.update(stored.get("jobs", {}))
    text.add(
        "idlehands_jobs", "gauge", "Jobs by status.", [({"status": s}, n) for s, n in sorted(jobs.items())]
    )


def _add_hq(text: Exposition, hq: Mapping[str, Any]) -> None:
    if not hq:
        return
    text.add("idlehands_info", "gauge", "The version of HQ.", [({"version": str(hq["version"])}, 1)])
    gauges = {
        "epoch": ("idlehands_epoch", "How HQ's lead is numbered: it grows with every start."),
        "position": ("idlehands_log_position", "The last decision in the event log."),
        "sweeps": ("idlehands_sweeps_running", "Sweeps that have not ended."),
        "leases": ("idlehands_leases", "Attempts that hold their job."),
        "offers": ("idlehands_offers", "Offers that are out."),
        "waiting": ("idlehands_waiting_messages", "Messages that wait for HQ's next decision."),
    }
    for field, (name, explanation) in gauges.items():
        text.add_one(name, "gauge", explanation, hq.get(field))
    heard, fresh = hq.get("agents_heard", 0), hq.get("agents_fresh", 0)
    states = [({"state": "fresh"}, fresh), ({"state": "silent"}, heard - fresh)]
    text.add("idlehands_agents", "gauge", "Agents by whether they were heard from lately.", states)
    refused = [({"reason": reason}, n) for reason, n in sorted(hq.get("refused", {}).items())]
    text.add("idlehands_refused_total", "counter", "Messages that HQ refused, by reason.", refused)
    measures = hq.get("measures", {})
    dropped = [({"reason": reason}, n) for reason, n in sorted(measures.get("dropped", {}).items())]
    text.add("idlehands_recorder_dropped_total", "counter", "Progress and logs not stored.", dropped)
    text.add_histogram(
        "idlehands_append_seconds", "Until an append was in the journal.", measures.get("append")
    )
    text.add_histogram(
        "idlehands_turn_seconds", "What one turn of HQ's loop took: its lag.", measures.get("turn")
    )


def _add_stored(text: Exposition, hq: Mapping[str, Any], stored: Mapping[str, Any]) -> None:
    if not stored:
        return
    position = int(stored["position"])
    text.add_one("idlehands_read_models_position", "gauge", "What pages and REST show.", position)
    if hq:
        lag = max(0, int(hq["position"]) - position)
        text.add_one("idlehands_read_models_lag", "gauge", "Decisions that they are behind.", lag)
    text.add_one("idlehands_log_decisions", "gauge", "Decisions kept in the event log.", stored["events"])
    text.add_one("idlehands_blobs", "gauge", "Blobs that are stored.", stored["blobs"]["count"])
    text.add_one("idlehands_blob_bytes", "gauge", "Bytes of all blobs.", stored["blobs"]["bytes"])


def _add_requests(text: Exposition, counts: RequestCounts) -> None:
    answered = [
        ({"method": method, "status": status}, number)
        for (method, status), number in sorted(counts.answered.items())
    ]
    text.add("idlehands_web_requests_total", "counter", "Requests to this server, by answer.", answered)
