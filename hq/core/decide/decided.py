"""What a decision about a request is: events, and the answer to whoever asked."""

from typing import Any

from schemas.events import AnyEvent

Decided = tuple[list[AnyEvent], dict[str, Any]]
