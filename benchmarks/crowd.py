"""A hundred agents that run nothing: they claim, renew leases and report progress, over the real broker.

One process and one connection speaks for all of them, with HQ's certificate,
which may write on every topic. So what is measured is the house, not its agents.
"""

import secrets
import threading
import time

from bus.paho_bus import PahoBus
from bus.port import BusInput, Connected, Inbound
from bus.settings import BusSettings
from bus.topics import ACK, CLAIM, GRANT, HEARTBEAT, OFFER, PROGRESS
from schemas.facts import MachineFacts, MetricPoint
from schemas.messages import AttemptReport, Claim, Claims, Heartbeat, Progress, ProgressBatch
from schemas.states import Phase

_BEAT_SECONDS = 8.0


class Crowd:
    """`count` agents with `slots` slots each. A context manager."""

    def __init__(self, settings: BusSettings, count: int, slots: int) -> None:
        self.names = [f"crowd-{number:03d}" for number in range(count)]
        self._slots = slots
        self._bus = PahoBus(settings)
        self._instance = {name: secrets.token_hex(16) for name in self.names}
        self._seq = dict.fromkeys(self.names, 0)
        self._running: dict[str, dict[str, int]] = {name: {} for name in self.names}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._beat_on, daemon=True)

    def __enter__(self) -> "Crowd":
        for topic in (OFFER, GRANT, ACK):
            self._bus.subscribe(topic)
        self._bus.start(self._handle)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()
        self._bus.stop()

    def running(self) -> dict[str, str]:
        """Return the jobs that run, each with its agent."""
        with self._lock:
            return {job: name for name, jobs in self._running.items() for job in jobs}

    def report(self, percent: float, point: MetricPoint, only: str | None = None) -> None:
        """Report how far all jobs are, or one."""
        for name in self.names:
            with self._lock:
                held = [(job, token) for job, token in self._running[name].items() if only in (None, job)]
            if held:
                items = tuple(Progress(job, token, percent, (point,)) for job, token in held)
                self._bus.publish(PROGRESS, ProgressBatch(1, items), agent=name)

    def _handle(self, what: BusInput) -> None:
        if isinstance(what, Connected):
            for name in self.names:
                self._beat(name)
        if not isinstance(what, Inbound) or what.names.get("agent") not in self._running:
            return
        name = what.names["agent"]
        if what.topic is OFFER:
            claims = tuple(Claim(offer.job, offer.token, secrets.token_hex(16)) for offer in what.data.offers)
            self._bus.publish(CLAIM, Claims(1, claims), agent=name)
        elif what.topic is GRANT and what.data.grants:
            with self._lock:
                self._running[name] |= {grant.job: grant.token for grant in what.data.grants}
            self._beat(name)

    def _beat(self, name: str) -> None:
        with self._lock:
            self._seq[name] += 1
            held = tuple(
                AttemptReport(job, token, Phase.RUNNING) for job, token in self._running[name].items()
            )
            seq = self._seq[name]
        facts = MachineFacts(system="Crowd", cores=4, memory_mb=8192) if seq == 1 else None
        free = max(0, self._slots - len(held))
        beat = Heartbeat(1, self._instance[name], seq, self._slots, free, held, facts=facts)
        self._bus.publish(HEARTBEAT, beat, agent=name)

    def _beat_on(self) -> None:
        while not self._stopping.is_set():
            for name in self.names:
                # Spread over the interval, as real agents are.
                if self._stopping.wait(_BEAT_SECONDS / len(self.names)):
                    return
                self._beat(name)


def point(seq: int) -> MetricPoint:
    """Return a metric point as a training script reports it."""
    return MetricPoint(seq, time.time(), {"loss": 1 / (seq + 1), "accuracy": 1 - 1 / (seq + 2)}, float(seq))
