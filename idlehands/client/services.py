"""Services in the hands of a program: each is called as a function is, with its parameters by name.

encode = house.service("encode")
print(encode(text="hi"))
futures = [encode.submit(text=text) for text in texts]
"""

from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from schemas.requests import CallService, ReadServices

if TYPE_CHECKING:
    from idlehands.client.client import Client

#: For the way to HQ and back, beyond a call's own deadline.
_WAY_SECONDS = 10.0
_LONGEST_SECONDS = 3600.0


class Service:
    """One service of the house. Safe to use from several threads."""

    def __init__(self, client: "Client", name: str, *, deadline: float | None = None) -> None:
        self.name = name
        self._client, self._deadline = client, deadline
        self._threads: ThreadPoolExecutor | None = None

    def __repr__(self) -> str:
        return f"<Service {self.name}>"

    def __call__(self, **params: Any) -> Any:
        """Call it, wait, and return what it answers.

        Raises:
            RequestRefused: With the code of what went wrong: `call_failed`, `service_busy`, `deadline`, ...
            HqUnreachable: If HQ does not answer. Whether the call ran is not known then.
        """
        return self.call(params)

    def call(self, params: dict[str, Any], *, deadline: float | None = None, key: str | None = None) -> Any:
        """Do the same for parameters of any name, with a deadline in seconds of its own, and a key.

        A repeat with the same key gets the answer that a service with a log has given already.
        """
        seconds = deadline or self._deadline
        asked = CallService(service=self.name, params=params, deadline_seconds=seconds, key=key)
        # HQ answers at the deadline of the call.
        patience = (seconds or _LONGEST_SECONDS) + _WAY_SECONDS
        return self._client.ask(asked, deadline_seconds=patience).result["result"]

    def submit(self, **params: Any) -> "Future[Any]":
        """Call it without waiting; the future has the answer. At most 32 calls at a time."""
        if self._threads is None:
            self._threads = ThreadPoolExecutor(32, f"service-{self.name}")
        return self._threads.submit(self.call, params)

    def status(self) -> dict[str, Any]:
        """Return its versions, workers and figures. Raises as a call does."""
        asked = ReadServices(service=self.name)
        return dict(self._client.ask(asked).result["services"][0])
