"""What an operator says about one notification: where to, about what, how often at most.

Secrets are not in here: they lie encrypted in the web process's own vault, by the notification's name.
"""

from typing import Annotated, Literal

from msgspec import Meta, Struct

from schemas.names import Name, ShortText

ADDRESS_PATTERN = r"^[^@\s<>\",;:]{1,64}@[A-Za-z0-9.\-\[\]:]{1,200}$"
HOST_PATTERN = r"^[A-Za-z0-9.:_\-]{1,253}$"
#: A topic to publish on: no wildcards, not empty, nothing that cannot be seen.
TOPIC_PATTERN = r"^[^+#\x00-\x1f\x7f]{1,200}$"
NTFY_PATTERN = r"^[A-Za-z0-9_\-]{1,64}$"
#: Of what is sent as a header or as part of one.
LINE_PATTERN = r"^[^\x00-\x1f\x7f]*$"

Happens = Literal[
    "job_failed",
    "job_dead",
    "job_succeeded",
    "job_hangs",
    "sweep_finished",
    "machine_lost",
    "house_unhealthy",
]
#: What a notification is about that does not say so: all but successes.
USUAL: tuple[Happens, ...] = (
    "job_failed",
    "job_dead",
    "job_hangs",
    "sweep_finished",
    "machine_lost",
    "house_unhealthy",
)
Address = Annotated[str, Meta(pattern=ADDRESS_PATTERN, max_length=254)]
Host = Annotated[str, Meta(pattern=HOST_PATTERN)]
Port = Annotated[int, Meta(ge=1, le=65_535)]
Line = Annotated[str, Meta(pattern=LINE_PATTERN, max_length=200)]
Url = Annotated[str, Meta(min_length=8, max_length=2000)]
PlainTopic = Annotated[str, Meta(pattern=TOPIC_PATTERN)]


class Target(Struct, frozen=True, tag_field="kind", forbid_unknown_fields=True):
    """Base of all that a message can be sent to."""


class Mail(Target, frozen=True, tag="mail", kw_only=True):
    """A mail server. The secret is the password of `user`."""

    host: Host
    sender: Address
    to: Annotated[tuple[Address, ...], Meta(min_length=1, max_length=20)]
    port: Port = 587
    #: starttls refuses a server that cannot; none sends everything in clear.
    security: Literal["starttls", "tls", "none"] = "starttls"
    user: Line = ""


class Webhook(Target, frozen=True, tag="webhook", kw_only=True):
    """A URL that gets JSON. The secret, if there is one, signs it."""

    url: Url


class Ntfy(Target, frozen=True, tag="ntfy", kw_only=True):
    """A topic of ntfy.sh or of a server like it. The secret is an access token."""

    topic: Annotated[str, Meta(pattern=NTFY_PATTERN)]
    server: Url = "https://ntfy.sh"


class Mqtt(Target, frozen=True, tag="mqtt", kw_only=True):
    """A topic: of the household's own broker, or below `home/` of the house's."""

    topic: PlainTopic
    broker: Literal["house", "household"] = "house"


class Notification(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Where to, about what, how often."""

    name: Name
    to: Mail | Webhook | Ntfy | Mqtt
    on: Annotated[tuple[Happens, ...], Meta(min_length=1, max_length=16)] = USUAL
    #: Only successes of jobs that ran for longer.
    over_minutes: Annotated[float, Meta(ge=0, le=525_600)] = 0
    #: Only of this submitter, this project, and whose name fits this pattern, such as `train*`.
    user: Name | None = None
    project: ShortText = ""
    job_name: ShortText = ""
    #: All that happens within so many seconds of the first is one message.
    gather_seconds: Annotated[float, Meta(ge=0, le=86_400)] = 60
    #: What is more waits, and is one message then.
    per_hour: Annotated[int, Meta(ge=1, le=1000)] = 20
