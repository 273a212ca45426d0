"""What all messages have in common."""

from msgspec import Struct


class Message(Struct, frozen=True, omit_defaults=True):
    """Base of everything that is published."""
