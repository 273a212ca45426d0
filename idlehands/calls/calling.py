"""Makes jobs of calls: packs them, stores what travels by hash, and signs them with the author's key.

Safe to use from several threads.
"""

import base64
import tempfile
import threading
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from msgspec import Struct
from msgspec.structs import asdict

from idlehands.calls.bundling import build_call_bundle
from idlehands.calls.packing import INLINE_BYTES, Function, Packed, Take, pack_call, pack_function
from idlehands.client.authoring import AuthorKeyUnusable
from idlehands.client.files import put_file
from idlehands.client.rest import Rest
from schemas.calls import BLOBS, CALL, PAYLOAD
from schemas.specs import JobSpec, Limits, Needs, ScriptRef, ScriptSignature

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

#: REST keeps what was asked for for hours; so long it is not asked again.
_KNOWN_SECONDS = 1800.0
#: One request carries up to so much; more goes in pieces, from a file.
_REQUEST_BYTES = 64 * 1024 * 1024


class Wishes(Struct, frozen=True):
    """What a call asks for besides being made."""

    needs: Needs = Needs()
    limits: Limits = Limits()
    name: str = ""
    priority: int = 0
    retry_on_failure: int = 0
    max_starts: int = 3
    secrets: tuple[str, ...] = ()
    project: str | None = None
    tags: tuple[str, ...] = ()
    note: str = ""
    #: Jobs and sweeps that must have succeeded first, or ended.
    after: tuple[str, ...] = ()
    after_any: tuple[str, ...] = ()
    #: Unix seconds.
    not_before: float = 0
    expires: float = 0
    #: What the script has as `IDLEHANDS_SEED`; None: every attempt draws one.
    seed: int | None = None


class Caller:
    """Turns calls into jobs of one author."""

    def __init__(self, rest: Callable[[], Rest], key_file: Callable[[], Path], author: str) -> None:
        """Remember where blobs go and whose key signs. Both are asked for with the first call.

        Args:
            rest: Returns REST of the house.
            key_file: Returns the file with the author's key.
            author: What the author calls themselves.
        """
        self._rest, self._key_file, self._author = rest, key_file, author
        self._lock = threading.Lock()
        self._key: Ed25519PrivateKey | None = None
        self._known: dict[str, float] = {}

    def build_job(
        self,
        function: Callable[..., Any] | Function,
        args: Iterable[Any] = (),
        kwargs: dict[str, Any] | None = None,
        wishes: Wishes | None = None,
        *,
        take: Take | None = None,
        varied: Iterable[str] = (),
    ) -> JobSpec:
        """Return the job that makes a call, everything stored that it refers to.

        Args:
            function: What to call; packed already when it is called many times.
            args: Positional arguments.
            kwargs: Keyword arguments.
            wishes: What it asks for besides.
            take: How large arguments become blobs; remembers them, perhaps.
            varied: Keyword arguments that a sweep chooses, trial by trial.

        Raises:
            NotPicklable: If the function or an argument cannot be pickled.
            AuthorKeyUnusable: If it cannot be signed.
            RequestRefused: If something may not be stored.
            HqUnreachable: If REST does not answer.
        """
        packed_function = function if isinstance(function, Function) else pack_function(function)
        varied = tuple(varied)
        # The spec of a sweep is copied for each of its trials.
        inline = 0 if varied else INLINE_BYTES
        packed = pack_call(packed_function, tuple(args), kwargs or {}, take=take, inline_bytes=inline)
        return self._build(packed, wishes or Wishes(), varied)

    def _build(self, packed: Packed, wishes: Wishes, varied: tuple[str, ...]) -> JobSpec:
        bundle = build_call_bundle(packed.imports)
        self._store(bundle.sha256, bundle.content)
        for sha256, content in packed.blobs.items():
            self._store(sha256, content)
        payload = packed.sha256
        if payload in packed.blobs:
            text = _address(payload, packed.blobs)
        else:
            text = base64.b64encode(packed.payload).decode()
        params: dict[str, Any] = {CALL: payload, PAYLOAD: text}
        parts = [_address(sha256, packed.blobs) for sha256 in packed.blobs if sha256 != payload]
        if parts:
            params[BLOBS] = parts
        reference = ScriptRef(bundle.sha256, bundle.entry, packed.name[:200])
        needs = wishes.needs
        if needs.environment is None and needs.python is None:
            from msgspec.structs import replace

            needs = replace(needs, python=python_version())
        return JobSpec(
            self._sign(reference, payload, varied),
            params,
            "stdin",
            name=wishes.name or packed.name[:200],
            needs=needs,
            limits=wishes.limits,
            priority=wishes.priority,
            retry_on_failure=wishes.retry_on_failure,
            max_starts=wishes.max_starts,
            seed=wishes.seed,
            secrets=wishes.secrets,
            project=wishes.project,
            tags=wishes.tags,
            note=wishes.note,
            after=wishes.after,
            after_any=wishes.after_any,
            not_before=wishes.not_before,
            expires=wishes.expires,
        )

    def _sign(self, reference: ScriptRef, payload: str, varied: tuple[str, ...]) -> ScriptRef:
        # Its library is loaded with the first call.
        from msgspec.structs import replace

        from trust.arguments import Argument
        from trust.scripts import Statement, sign_script

        arguments = (
            Argument(CALL, "text", (payload,)),
            Argument(PAYLOAD, "text"),
            Argument(BLOBS, "text"),
            *(Argument(name) for name in varied),
        )
        said = Statement(reference.name, reference.bundle, reference.entry, self._author, arguments=arguments)
        try:
            signed = sign_script(self._load_key(), said)
        except ValueError as error:
            raise AuthorKeyUnusable(f"cannot sign the call of {reference.name}: {error}") from error
        return replace(reference, signature=ScriptSignature(**asdict(signed)))

    def _load_key(self) -> "Ed25519PrivateKey":
        from trust.keys import KeyUnusable, ensure_signing_key

        with self._lock:
            if self._key is None:
                try:
                    self._key = ensure_signing_key(self._key_file())
                except (KeyUnusable, OSError) as error:
                    raise AuthorKeyUnusable(str(error)) from error
            return self._key

    def _store(self, sha256: str, content: Any) -> None:
        now = time.monotonic()
        with self._lock:
            if now - self._known.get(sha256, -_KNOWN_SECONDS) < _KNOWN_SECONDS:
                return
        rest = self._rest()
        if memoryview(content).nbytes <= _REQUEST_BYTES:
            rest.put_blob(content)
        else:
            with tempfile.NamedTemporaryFile(prefix="call-") as file:
                file.write(content)
                file.flush()
                put_file(rest, Path(file.name))
        with self._lock:
            self._known[sha256] = now


def python_version() -> str:
    """Return the version of Python that pickled functions of this process run with, such as 3.11."""
    import sys

    return f"{sys.version_info[0]}.{sys.version_info[1]}"


def _address(sha256: str, blobs: dict[str, Any]) -> str:
    return f"blob://{sha256}/{memoryview(blobs[sha256]).nbytes}"
