"""Every topic of the house, in one place, with who writes it and what it carries.

A `Topic` is a template: `CLAIM.of(agent="attic")` gives a topic name,
`CLAIM.filter()` a subscription, `CLAIM.match(name)` the parts of a name.
"""

from dataclasses import dataclass
from functools import cached_property

from schemas import messages, requests

DEFAULT_ROOT = "idlehands/v1"


@dataclass(frozen=True)
class Topic:
    """A topic template below the root, such as `agent/{agent}/up/claim`."""

    template: str
    #: The Struct (or union) that its envelope's `data` must be.
    payload: object
    #: CloudEvents type of the envelope.
    type: str
    retained: bool = False
    #: Its messages carry their sender's signature; see `bus.signing`.
    signed: bool = False

    @cached_property
    def _parts(self) -> tuple[str, ...]:
        return tuple(self.template.split("/"))

    def of(self, **names: str) -> str:
        """Return the topic name below the root for these names."""
        return self.template.format(**names)

    def filter(self, **names: str) -> str:
        """Return a subscription filter below the root: `+` for every name not given."""
        return "/".join(names.get(part[1:-1], "+") if part.startswith("{") else part for part in self._parts)

    def match(self, name: str) -> dict[str, str] | None:
        """Return the names in a topic name below the root, or None when it is another topic."""
        parts = name.split("/")
        if len(parts) != len(self._parts):
            return None
        found: dict[str, str] = {}
        for part, given in zip(self._parts, parts, strict=True):
            if part.startswith("{"):
                found[part[1:-1]] = given
            elif part != given:
                return None
        return found


PRESENCE = Topic("agent/{agent}/presence", messages.Presence, "idlehands.presence", retained=True)
HEARTBEAT = Topic("agent/{agent}/up/heartbeat", messages.Heartbeat, "idlehands.heartbeat")
CLAIM = Topic("agent/{agent}/up/claim", messages.Claims, "idlehands.claim")
DECLINE = Topic("agent/{agent}/up/decline", messages.Declines, "idlehands.decline")
PROGRESS = Topic("agent/{agent}/up/progress", messages.ProgressBatch, "idlehands.progress")
LOG = Topic("agent/{agent}/up/log", messages.LogBatch, "idlehands.log")
RESULT = Topic("agent/{agent}/up/result", messages.Results, "idlehands.result", signed=True)
OFFER = Topic("agent/{agent}/down/offer", messages.Offers, "idlehands.offer")
GRANT = Topic("agent/{agent}/down/grant", messages.Grants, "idlehands.grant", signed=True)
ACK = Topic("agent/{agent}/down/ack", messages.Ack, "idlehands.ack")
GUEST = Topic("agent/{agent}/down/guest", messages.GuestOrder, "idlehands.guest")
CALL = Topic("agent/{agent}/down/call", messages.ServiceCalls, "idlehands.call", signed=True)
ANSWER = Topic("agent/{agent}/up/answer", messages.ServiceAnswers, "idlehands.answer", signed=True)
STACKS = Topic("agent/{agent}/down/stacks", messages.StacksOrder, "idlehands.stacks")
REQUEST = Topic("client/{client}/up/request", requests.AnyRequest, "idlehands.request")
REPLY = Topic("client/{client}/down/reply", messages.Reply, "idlehands.reply")
HQ_STATE = Topic("hq/state", messages.HqState, "idlehands.hq.state", retained=True)
JOB_EVENT = Topic("job/{job}/event", messages.JobNotice, "idlehands.job.event")
JOB_PROGRESS = Topic("job/{job}/progress", messages.JobProgress, "idlehands.job.progress")
JOB_LOG = Topic("job/{job}/log", messages.JobLog, "idlehands.job.log")
SWEEP_EVENT = Topic("sweep/{sweep}/event", messages.SweepNotice, "idlehands.sweep.event")
JOB_DELETED = Topic("job/{job}/deleted", messages.DeletionNotice, "idlehands.job.deleted")
SWEEP_DELETED = Topic("sweep/{sweep}/deleted", messages.DeletionNotice, "idlehands.sweep.deleted")

#: What agents and clients send to HQ.
TO_HQ = (HEARTBEAT, CLAIM, DECLINE, PROGRESS, LOG, RESULT, ANSWER, REQUEST)
#: What HQ sends to one agent.
TO_AGENT = (OFFER, GRANT, ACK, GUEST, STACKS, CALL)
#: What HQ tells everybody.
NOTICES = (JOB_EVENT, JOB_PROGRESS, JOB_LOG, JOB_DELETED, SWEEP_EVENT, SWEEP_DELETED)
ALL_TOPICS = (PRESENCE, *TO_HQ, *TO_AGENT, REPLY, HQ_STATE, *NOTICES)
