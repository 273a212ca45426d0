"""For whom a client asks: for itself or, as the web process may, for a user."""

from bus.port import Inbound
from hq.core.decide.refused import Refused

#: The only principal that may act for others: it has authenticated them.
ON_BEHALF = "web"


def submitter_of(message: Inbound) -> str:
    """Return for whom a client asks.

    Raises:
        Refused: If it may not ask for them.
    """
    client = message.names["client"]
    on_behalf_of: str | None = message.data.on_behalf_of
    if on_behalf_of is None:
        return client
    if client != ON_BEHALF:
        raise Refused("not_allowed", f"{client} may not act on behalf of {on_behalf_of}")
    return on_behalf_of
