"""From what a machine sent back to a value or an exception.

To unpickle is to run what somebody wrote. So what comes back is opened with
plain values, numpy's arrays and the exceptions of Python only. Anything else
asks for more: that it is read where HQ keeps it, behind the agent's signature,
and that whoever submitted the call trusts that machine.
"""

import base64
import binascii
import builtins
import hashlib
import io
import pickle
from collections.abc import Callable
from typing import Any

from msgspec import Struct

from idlehands.client.errors import ClientError


class ResultUntrusted(ClientError):
    """A result that only unpickling can make, of a machine that nobody here trusts with that."""


class ResultBroken(ClientError):
    """A result that cannot be opened; the message says why."""


class Outcome(Struct):
    """What became of a call: a value, or the exception that it raised and where."""

    value: Any = None
    error: BaseException | None = None
    traceback: str = ""


class NotPlain(pickle.UnpicklingError):
    """It holds something that is more than data."""


_NUMPY = ("numpy.core.", "numpy._core.")
_PLAIN = frozenset(
    {
        *(("builtins", name) for name in ("complex", "set", "frozenset", "bytearray", "range", "slice")),
        *(("datetime", name) for name in ("date", "time", "datetime", "timedelta", "timezone")),
        *(("collections", name) for name in ("OrderedDict", "deque", "Counter")),
        *((f"{start}multiarray", name) for start in _NUMPY for name in ("_reconstruct", "scalar")),
        *((f"{start}numeric", "_frombuffer") for start in _NUMPY),
        *(("numpy", name) for name in ("ndarray", "dtype")),
        *(("decimal", "Decimal"), ("fractions", "Fraction"), ("uuid", "UUID")),
    }
)


class _PlainUnpickler(pickle.Unpickler):
    """Makes values, and nothing that could act."""

    def find_class(self, module: str, name: str) -> Any:
        """Return what makes a plain value.

        Raises:
            NotPlain: For anything else.
        """
        if (module, name) in _PLAIN:
            return super().find_class(module, name)
        if module == "builtins":
            found = getattr(builtins, name, None)
            if isinstance(found, type) and issubclass(found, BaseException):
                return found
        raise NotPlain(f"{module}.{name}")


def read_said(result: dict[str, Any] | None) -> dict[str, Any]:
    """Return what the call's script said of how it ended.

    Raises:
        ResultBroken: If it said nothing of that kind.
    """
    said = (result or {}).get("idlehands")
    if not isinstance(said, dict) or said.get("call") not in ("returned", "raised"):
        raise ResultBroken("the call ended without a word of what came of it")
    return said


def open_outcome(said: dict[str, Any], fetch: Callable[[str], bytes], *, is_trusted: bool) -> Outcome:
    """Return what a call returned or raised.

    Args:
        said: As `read_said` returns it.
        fetch: Returns the content of a blob by its hash.
        is_trusted: Whether everything that it holds may be made, code included.

    Raises:
        NotPlain: If it is not trusted, and more than data.
        ResultBroken: If it cannot be opened.
        ClientError: If the blob cannot be fetched.
    """
    content = _content_of(said, fetch)
    try:
        value = (pickle.loads if is_trusted else _open_plain)(content)
    except NotPlain:
        raise
    except Exception as error:
        raise ResultBroken(
            f"the result, a {said.get('type')}, cannot be opened here: {type(error).__name__}: {error}"
        ) from error
    if said["call"] == "returned":
        return Outcome(value)
    if not isinstance(value, BaseException):
        raise ResultBroken(f"the call raised {said.get('type')}, and what came back is no exception")
    return Outcome(error=value, traceback=str(said.get("traceback", "")))


def _content_of(said: dict[str, Any], fetch: Callable[[str], bytes]) -> bytes:
    if "pickle" in said:
        try:
            return base64.b64decode(str(said["pickle"]), validate=True)
        except (ValueError, binascii.Error) as error:
            raise ResultBroken(f"the result came damaged: {error}") from None
    sha256 = str(said.get("sha256", ""))
    content = fetch(sha256)
    if hashlib.sha256(content).hexdigest() != sha256:
        raise ResultBroken("the result came damaged")
    return content


def _open_plain(content: bytes) -> Any:
    return _PlainUnpickler(io.BytesIO(content)).load()
