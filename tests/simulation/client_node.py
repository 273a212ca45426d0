"""A client that repeats each request under one key until it is answered."""

from typing import Any

from bus import topics
from bus.port import Inbound
from schemas.messages import Reply
from schemas.requests import Cancel, Submit
from schemas.specs import JobSpec
from tests.simulation.network import Network, World

REPEAT_SECONDS = 2.0


class ClientNode:
    """Submits and cancels; everything it was told is checked by the oracle."""

    def __init__(self, name: str, world: World, network: Network, oracle: Any, hqs: list[Any]) -> None:
        self.name = name
        self.world = world
        self.network = network
        self.oracle = oracle
        self.hqs = hqs
        self._open: dict[str, Any] = {}
        self._count = 0

    def submit(self, specs: tuple[JobSpec, ...]) -> None:
        self._count += 1
        key = f"submit-{self._count}"
        self._repeat(key, Submit(jobs=specs, key=key))

    def cancel(self, job: str) -> None:
        self._count += 1
        key = f"cancel-{self._count}"
        self._repeat(key, Cancel(jobs=(job,), key=key))

    def _repeat(self, key: str, request: Any) -> None:
        self._open[key] = request

        def send() -> None:
            if key not in self._open:
                return
            message = Inbound(topics.REQUEST, {"client": self.name}, key, request)
            for hq in self.hqs:
                self.network.send(self.name, hq.name, lambda hq=hq: hq.receive(message))
            self.world.after(REPEAT_SECONDS, send)

        send()

    def receive(self, message: Inbound) -> None:
        reply = message.data
        if not isinstance(reply, Reply):
            return
        self.oracle.on_reply(self.name, reply)
        if reply.error is not None and reply.error.code == "unavailable":
            return
        self._open.pop(reply.request, None)

    @property
    def waits(self) -> bool:
        return bool(self._open)
