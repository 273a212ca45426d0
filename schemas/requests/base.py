"""What all requests have in common."""

from msgspec import Struct

from schemas.names import Key, Name


class Request(Struct, frozen=True, tag_field="kind", forbid_unknown_fields=True, omit_defaults=True):
    """Base of all requests. Unknown fields are refused: a typo must not be silently ignored."""

    key: Key | None = None
    #: Honoured only from the web process, which has authenticated that user.
    on_behalf_of: Name | None = None
