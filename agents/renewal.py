"""Renewal of this agent's certificate: a thread that asks REST for the next one in good time.

Only for machines that joined; agents beside HQ have theirs renewed in their
folder, and for them there is nothing to fetch. Asleep nearly always: what it
needs to ask is imported when it asks.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from bus.certificate_files import (
    RENEW_SECONDS,
    install,
    remember_rest,
    remembered_rest,
    seconds_left,
)
from bus.settings import BusSettingsError

_PAUSE_SECONDS = 6 * 3600.0
_FIRST_SECONDS = 60.0
_EXPIRED_SECONDS = 300.0
_TIMEOUT_SECONDS = 20.0
_MOST_BYTES = 65_536
log = logging.getLogger(__name__)


class Renewal:
    """Renews for as long as the context is open."""

    def __init__(self, folder: Path, rest_url: Callable[[], str]) -> None:
        """Take the folder with `ca.pem`, `cert.pem`, `key.pem` and `token`, and who tells where REST is."""
        self._folder, self._rest_url = folder, rest_url
        self._over = threading.Event()

    def __enter__(self) -> "Renewal":
        threading.Thread(target=self._run, name="renewal", daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()

    def _run(self) -> None:
        pause = 0.0 if self._is_over() else _FIRST_SECONDS
        while not self._over.wait(pause):
            pause = _PAUSE_SECONDS
            try:
                url = self._rest_url()
                remember_rest(self._folder, url)
                renew(self._folder, url or remembered_rest(self._folder))
            except (BusSettingsError, OSError, ValueError) as error:
                log.warning("the certificate could not be renewed: %s", error)
            if self._is_over():
                # Nobody at the broker talks to us any more: only the next certificate helps, or a person.
                pause = _EXPIRED_SECONDS
                log.error(
                    "the certificate in %s has expired, and REST gave no later one. If that stays so, pair "
                    "this machine anew: `idlehands pair --name NAME --replace` on the HQ host, and here "
                    "`idlehands join` after removing the folder.",
                    self._folder,
                )

    def _is_over(self) -> bool:
        try:
            return seconds_left(self._folder, time.time()) <= 0
        except BusSettingsError:
            return False


def renew(folder: Path, rest_url: str, now: float | None = None) -> bool:
    """Fetch and store the next certificate if it is time and there is one; True when it did.

    Raises:
        BusSettingsError: If what came cannot be used.
        OSError, ValueError: If REST did not answer, or not so.
    """
    token = folder / "token"
    if not rest_url or not token.is_file():
        return False
    if seconds_left(folder, time.time() if now is None else now) > RENEW_SECONDS:
        return False
    answer = _get(rest_url, token.read_text().strip(), folder / "ca.pem")
    renewed = answer is not None and install(folder, answer)
    if renewed:
        log.info("the certificate was renewed")
    return renewed


def _get(rest_url: str, token: str, ca_file: Path) -> str | None:
    import http.client
    import json
    from urllib.parse import urlsplit

    from bus.settings import read_web_context

    parts = urlsplit(rest_url)
    if not parts.hostname or parts.scheme not in ("http", "https"):
        raise ValueError(f"{rest_url!r} is no URL of REST")
    if parts.scheme == "https":
        connection: http.client.HTTPConnection = http.client.HTTPSConnection(
            parts.hostname, parts.port, timeout=_TIMEOUT_SECONDS, context=read_web_context(ca_file)
        )
    else:
        connection = http.client.HTTPConnection(parts.hostname, parts.port, timeout=_TIMEOUT_SECONDS)
    try:
        path = f"{parts.path.rstrip('/').removesuffix('/api/v1')}/api/v1/certificate"
        connection.request("GET", path, headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        body = response.read(_MOST_BYTES)
        if response.status == 404:
            # HQ's host renews it elsewhere, or this machine did not join by pairing.
            return None
        if response.status != 200:
            raise OSError(f"REST answered {response.status} {response.reason}")
        found = json.loads(body)["certificate"]
    except http.client.HTTPException as error:
        raise OSError(str(error) or type(error).__name__) from None
    except (KeyError, TypeError) as error:
        raise ValueError(f"REST answered something else: {error}") from None
    finally:
        connection.close()
    return str(found)
