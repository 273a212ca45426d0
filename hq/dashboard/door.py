"""What stands before Optuna's page: it may be read, from this machine, under this machine's names."""

from collections.abc import Callable, Iterable
from typing import Any

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

_READING = ("GET", "HEAD")


def only_reading(application: Application, port: int) -> Application:
    """Return the application for requests that read, to loopback's own names.

    Another name in `Host` means that some page on the web had its name point to 127.0.0.1, to read along.
    """
    hosts = {f"{name}:{port}" for name in ("127.0.0.1", "localhost", "[::1]")}

    def guarded(environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ.get("HTTP_HOST", "").lower() not in hosts:
            return _refuse(start_response, "This page answers to 127.0.0.1 and localhost only.")
        if environ["REQUEST_METHOD"] not in _READING:
            words = "Sweeps are only shown here. Change them on the page of the house, or by `idlehands`."
            return _refuse(start_response, words)
        return application(environ, start_response)

    return guarded


def _refuse(start_response: StartResponse, words: str) -> Iterable[bytes]:
    body = f'{{"reason": "{words}"}}'.encode()
    start_response(
        "403 Forbidden", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))]
    )
    return [body]
