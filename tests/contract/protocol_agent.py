"""An agent's core with time by hand: what HQ says goes in as JSON, what the agent does comes out.

No broker, no clock and no script; HQ is the test itself. For HQ's side of the
wire see `protocol_house`.
"""

from typing import Any

from agents.core.agent import AgentCore
from agents.core.effects import Send
from bus import topics
from schemas.facts import MachineFacts
from tests.contract.protocol_house import NONCE, inbound, job_spec


def fresh_core(**more: Any) -> AgentCore:
    """Return a fresh agent that has heard HQ's answer to its first heartbeat."""
    defaults: dict[str, Any] = {
        "name": "attic",
        "judge": lambda _grant: "",
        "boot": 2,
        "instance": "b" * 32,
        "slots": 1,
        "facts": MachineFacts(),
        "spooled": [],
        "make_nonce": lambda: NONCE,
    }
    made = AgentCore(**{**defaults, **more}, now=0.0, draw=lambda: 0.0)
    made.tick(0.0)
    made.hear(inbound("agent/attic/down/ack", {"epoch": 7, "boot": 2, "seq": 0}), 0.0)
    made.take_effects()
    return made


def hear_offer(agent: AgentCore, now: float, token: int = 1, epoch: int = 7) -> None:
    """Let the agent hear of one job that it may claim."""
    data = {"epoch": epoch, "offers": [{"job": "j" + "a" * 12, "token": token}]}
    agent.hear(inbound("agent/attic/down/offer", data), now)


def hear_grant(agent: AgentCore, now: float, token: int = 1, nonce: str = NONCE, **more: Any) -> None:
    """Let the agent hear that the job is its; `more` is said of the job's spec."""
    named = {
        "job": "j" + "a" * 12,
        "token": token,
        "agent": "attic",
        "boot": 2,
        "nonce": nonce,
        "lease_seconds": 30.0,
    }
    whole = {**named, "spec": job_spec(**more)}
    agent.hear(inbound("agent/attic/down/grant", {"epoch": 7, "grants": [whole]}), now)


def take_sent(agent: AgentCore, topic: topics.Topic) -> list[Any]:
    """Return what the agent published on a topic since the last look; other effects are forgotten."""
    return [e.data for e in agent.take_effects() if isinstance(e, Send) and e.topic is topic]
