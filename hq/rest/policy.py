"""Who may do what: every path of the server with the roles that may use it.

What is not in this table is answered 404 and reaches no handler. A test holds
it against the routes that there are.
"""

import re
from typing import NamedTuple

from hq.rest.tokens import Role

READERS: frozenset[Role] = frozenset({"viewer", "operator", "admin"})
WRITERS: frozenset[Role] = frozenset({"operator", "admin"})
BLOB_READERS: frozenset[Role] = READERS | {"agent"}
BLOB_WRITERS: frozenset[Role] = WRITERS | {"agent"}

JSON_BODY = 256 * 1024
BLOB_BODY = 256 * 1024 * 1024


class Rule(NamedTuple):
    """One path, its methods with the roles for each, and how many bytes a body may have."""

    path: str
    roles: dict[str, frozenset[Role]]
    body: int = JSON_BODY
    #: Also without a token.
    open: bool = False

    def matches(self, path: str) -> bool:
        """Tell whether this rule is about `path`."""
        return _compile(self.path).fullmatch(path) is not None


_compiled: dict[str, re.Pattern[str]] = {}


def _compile(template: str) -> re.Pattern[str]:
    if template not in _compiled:
        _compiled[template] = re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(template)))
    return _compiled[template]


def _read(path: str) -> Rule:
    return Rule(path, {"GET": READERS})


def _write(path: str) -> Rule:
    return Rule(path, {"POST": WRITERS})


API = "/api/v1"
RULES: tuple[Rule, ...] = (
    Rule("/healthz", {"GET": READERS}, open=True),
    _read("/"),
    _read("/api/openapi.json"),
    _read(f"{API}/status"),
    Rule(f"{API}/jobs", {"GET": READERS, "POST": WRITERS}),
    _read(f"{API}/jobs/{{job}}"),
    *(_write(f"{API}/jobs/{{job}}/{verb}") for verb in ("cancel", "hold", "release", "retry")),
    *(_read(f"{API}/jobs/{{job}}/{what}") for what in ("logs", "progress", "why")),
    Rule(f"{API}/sweeps", {"GET": READERS, "POST": WRITERS}),
    _read(f"{API}/sweeps/{{sweep}}"),
    _read(f"{API}/sweeps/{{sweep}}/trials"),
    _write(f"{API}/sweeps/{{sweep}}/cancel"),
    _read(f"{API}/results"),
    _read(f"{API}/agents"),
    _read(f"{API}/events"),
    Rule(
        f"{API}/blobs/{{sha256}}",
        {"GET": BLOB_READERS, "HEAD": BLOB_READERS, "PUT": BLOB_WRITERS},
        body=BLOB_BODY,
    ),
)


def find_rule(path: str) -> Rule | None:
    """Return the rule about `path`, or None: no such thing."""
    for rule in RULES:
        if rule.matches(path):
            return rule
    return None
