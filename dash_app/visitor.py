"""Who looks: the principal that the gate has proven, for callbacks that get no request."""

from contextvars import ContextVar

from starlette.types import ASGIApp, Receive, Scope, Send

from hq.rest.policy import ADMINS, WRITERS
from hq.rest.session_door import check_role
from hq.rest.tokens import Principal

_visitor: ContextVar[Principal] = ContextVar("visitor")


class RememberVisitor:
    """ASGI middleware behind the gate. Tasks of a request inherit what it sets."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        principal = scope.get("state", {}).get("principal")
        if principal is not None:
            _visitor.set(principal)
        await self._app(scope, receive, send)


def visitor() -> Principal:
    """Return who looks.

    Raises:
        LookupError: Outside of a request.
    """
    return _visitor.get()


def may_change() -> bool:
    """Tell whether the visitor may submit and cancel, to leave out what would be refused."""
    return visitor().role in WRITERS


def admin() -> Principal:
    """Return who looks, if that one may change who belongs to the house.

    Raises:
        Problem: 403 if not.
    """
    check_role(visitor(), ADMINS)
    return visitor()


def writer() -> Principal:
    """Return who looks, if that one may change something.

    Raises:
        Problem: 403 if not.
    """
    check_role(visitor(), WRITERS)
    return visitor()
