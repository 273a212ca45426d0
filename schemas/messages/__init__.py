"""What travels on the bus: the `data` of an envelope, one Struct per topic.

Agents and HQ speak lists (offers, claims, grants, results): a batch costs
one packet. Unknown fields are ignored, so that versions can differ by one.
"""

from schemas.messages.base import Message
from schemas.messages.from_agents import (
    AttemptReport,
    Claim,
    Claims,
    Decline,
    Declines,
    Heartbeat,
    LogBatch,
    LogLines,
    Presence,
    Progress,
    ProgressBatch,
    Results,
    ServiceAnswer,
    ServiceAnswers,
    StandingClaim,
)
from schemas.messages.notices import DeletionNotice, JobLog, JobNotice, JobProgress, SweepNotice
from schemas.messages.replies import Reply, RequestError, WhyWaiting
from schemas.messages.to_agents import (
    Ack,
    Denial,
    Grant,
    Grants,
    GuestOrder,
    HqState,
    Offer,
    Offers,
    Order,
    ResultAck,
    ServiceCall,
    ServiceCalls,
    StacksOrder,
)

__all__ = [
    "Ack",
    "AttemptReport",
    "Claim",
    "Claims",
    "Decline",
    "Declines",
    "DeletionNotice",
    "Denial",
    "Grant",
    "Grants",
    "GuestOrder",
    "Heartbeat",
    "HqState",
    "JobLog",
    "JobNotice",
    "JobProgress",
    "LogBatch",
    "LogLines",
    "Message",
    "Offer",
    "Offers",
    "Order",
    "Presence",
    "Progress",
    "ProgressBatch",
    "Reply",
    "RequestError",
    "ResultAck",
    "Results",
    "ServiceAnswer",
    "ServiceAnswers",
    "ServiceCall",
    "ServiceCalls",
    "StacksOrder",
    "StandingClaim",
    "SweepNotice",
    "WhyWaiting",
]
