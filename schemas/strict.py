"""The base of everything that people write themselves: specs and their parts."""

from msgspec import Struct


class Spec(Struct, frozen=True, forbid_unknown_fields=True, omit_defaults=True):
    """Base of all specs: a misspelt field is an error, never ignored."""
