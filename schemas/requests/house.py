"""Requests about the house: labels and limits, the audit log, HQ's own state, what machines are to do."""

from typing import Annotated

from msgspec import Meta

from schemas.audit import AuditNote
from schemas.names import AnyProject, GuestCommand, LimitKind, Name, ParentId, Tags, Text
from schemas.requests.base import Request


class Label(Request, tag="label", kw_only=True, frozen=True):
    """Change the project, tags or note of jobs and sweeps, live or ended: of all of them or of none."""

    ids: Annotated[tuple[ParentId, ...], Meta(min_length=1, max_length=500)]
    #: None: as it is. Empty: none.
    project: AnyProject | None = None
    note: Text | None = None
    add_tags: Tags = ()
    remove_tags: Tags = ()


class SetLimit(Request, tag="set_limit", kw_only=True, frozen=True):
    """Let so many jobs of a user, or that name this limit, run at once. What runs goes on."""

    of: LimitKind
    name: Name
    #: None: no limit.
    at_most: Annotated[int, Meta(ge=0, le=100_000)] | None = None


class Audit(Request, tag="audit", kw_only=True, frozen=True):
    """From the web process: put this into the audit log. Its key is the note's id."""

    note: AuditNote


class Ping(Request, tag="ping", kw_only=True, frozen=True):
    """Prove that one's own topic reaches HQ: a refused publish looks like success."""


class ReadStatus(Request, tag="status", kw_only=True, frozen=True):
    """Epoch, position, counts, agents and refused messages by reason."""


class AskAgent(Request, tag="ask_agent", kw_only=True, frozen=True):
    """Let a machine rest for a while, take nothing new, or go back to its owner's rules.

    Changes nothing at HQ: the agent keeps it, and its heartbeats say what holds. Repeating it is the same.
    """

    agent: Name
    command: GuestCommand
    #: None: until it is asked to resume.
    seconds: Annotated[float, Meta(gt=0, le=31_622_400)] | None = None
