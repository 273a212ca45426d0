"""What every event is."""

from typing import Annotated

from msgspec import Meta, Struct

#: Raised only when a change makes old readers wrong. Newer logs are refused.
LOG_VERSION = 1
Version = Annotated[int, Meta(ge=1, le=2**31, description="Of a service, counted from 1.")]


class Event(Struct, frozen=True, tag_field="type", tag=True, omit_defaults=True):
    """Base of all events. The tag is the class name."""
