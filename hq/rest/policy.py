"""Who may do what: every path of the server with the roles that may use it.

What is not in this table is answered 404 and reaches no handler. A test holds
it against the routes that there are.
"""

import re
from typing import NamedTuple

from hq.rest.tokens import Role

READERS: frozenset[Role] = frozenset({"viewer", "operator", "admin"})
ADMINS: frozenset[Role] = frozenset({"admin"})
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
    #: Also without a token or session.
    open: bool = False
    #: Also from other sites, by whoever proves it to the handler.
    foreign: bool = False
    #: Part of the page: proven by a session, not by a token.
    page: bool = False

    def matches(self, path: str) -> bool:
        """Tell whether this rule is about `path`."""
        return _compile(self.path).fullmatch(path) is not None


_compiled: dict[str, re.Pattern[str]] = {}


def _compile(template: str) -> re.Pattern[str]:
    if template not in _compiled:
        _compiled[template] = re.compile(_pattern(template))
    return _compiled[template]


def _pattern(template: str) -> str:
    """Return the regular expression of a template: `{x}` is one part of a path, `{x*}` any number."""
    pattern = re.sub(r"\\{\w+\\\*\\}", "[A-Za-z0-9@._/-]+", re.escape(template))
    return re.sub(r"\\{\w+\\}", "[^/]+", pattern)


def _read(path: str) -> Rule:
    return Rule(path, {"GET": READERS})


def _write(path: str) -> Rule:
    return Rule(path, {"POST": WRITERS})


API = "/api/v1"
#: Also without the prefix: existing tools call it so.
RUN_SCRIPT = "/scripts/run"
RULES: tuple[Rule, ...] = (
    Rule("/healthz", {"GET": READERS}, open=True),
    Rule("/readyz", {"GET": READERS}, open=True),
    _read("/metrics"),
    _read("/api/openapi.json"),
    _read(f"{API}/status"),
    _read(f"{API}/today"),
    Rule(f"{API}/jobs", {"GET": READERS, "POST": WRITERS}),
    Rule(f"{API}/jobs/{{job}}", {"GET": READERS, "DELETE": WRITERS}),
    *(_write(f"{API}/jobs/{{job}}/{verb}") for verb in ("cancel", "hold", "release", "retry")),
    *(_read(f"{API}/jobs/{{job}}/{what}") for what in ("logs", "progress", "why")),
    Rule(f"{API}/sweeps", {"GET": READERS, "POST": WRITERS}),
    Rule(f"{API}/sweeps/{{sweep}}", {"GET": READERS, "DELETE": WRITERS}),
    _read(f"{API}/sweeps/{{sweep}}/analysis/{{kind}}"),
    _read(f"{API}/sweeps/{{sweep}}/importance"),
    Rule(f"{API}/sweeps/{{sweep}}/trials", {"GET": READERS, "POST": WRITERS}),
    *(_write(f"{API}/sweeps/{{sweep}}/{verb}") for verb in ("cancel", "pause", "resume", "change", "finish")),
    *(_write(f"{API}/sweeps/{{sweep}}/{verb}") for verb in ("ask", "tell", "report")),
    *(_write(f"{API}/{path}/labels") for path in ("jobs/{job}", "sweeps/{sweep}")),
    Rule(f"{API}/limits", {"GET": READERS, "POST": WRITERS}),
    Rule(f"{API}/pipelines", {"GET": READERS, "POST": WRITERS}),
    Rule(f"{API}/pipelines/{{pipeline}}", {"GET": READERS, "DELETE": WRITERS}),
    *(_write(f"{API}/pipelines/{{pipeline}}/{verb}") for verb in ("retry", "cancel")),
    Rule(f"{API}/services", {"GET": READERS, "POST": WRITERS}),
    Rule(f"{API}/services/{{service}}", {"GET": READERS, "POST": WRITERS}),
    *(_read(f"{API}/services/{{service}}/{what}") for what in ("health", "openapi.json")),
    *(_write(f"{API}/services/{{service}}/{verb}") for verb in ("rollback", "stop")),
    _read(f"{API}/results"),
    _write(RUN_SCRIPT),
    _write(f"{API}{RUN_SCRIPT}"),
    Rule(f"{API}/hooks/{{name}}", {"POST": READERS}, open=True, foreign=True),
    *(Rule(f"{API}/settings/{what}", {"GET": ADMINS, "POST": ADMINS}) for what in ("hooks", "topics")),
    *(
        Rule(f"{API}/settings/{what}/{{name}}", {"GET": ADMINS, "DELETE": ADMINS})
        for what in ("hooks", "topics")
    ),
    Rule(f"{API}/settings/household", {"GET": ADMINS, "POST": ADMINS, "DELETE": ADMINS}),
    Rule(f"{API}/schedules", {"GET": READERS, "POST": WRITERS}),
    Rule(f"{API}/schedules/{{schedule}}", {"GET": READERS, "DELETE": WRITERS}),
    *(_write(f"{API}/schedules/{{schedule}}/{verb}") for verb in ("pause", "resume", "run")),
    Rule(f"{API}/settings/notifications", {"GET": ADMINS, "POST": ADMINS}),
    Rule(f"{API}/settings/notifications/{{name}}", {"GET": ADMINS, "DELETE": ADMINS}),
    Rule(f"{API}/settings/notifications/{{name}}/test", {"POST": ADMINS}),
    Rule(f"{API}/audit", {"GET": ADMINS}),
    Rule(f"{API}/tokens", {"GET": ADMINS, "POST": ADMINS}),
    Rule(f"{API}/tokens/{{id}}", {"DELETE": ADMINS}),
    _read(f"{API}/agents"),
    *(_write(f"{API}/agents/{{agent}}/{verb}") for verb in ("pause", "drain", "resume")),
    Rule(f"{API}/certificate", {"GET": BLOB_READERS}),
    _read(f"{API}/events"),
    Rule(
        f"{API}/blobs/{{sha256}}",
        {"GET": BLOB_READERS, "HEAD": BLOB_READERS, "PUT": BLOB_WRITERS},
        body=BLOB_BODY,
    ),
    _read(f"{API}/datasets"),
    Rule(f"{API}/datasets/{{dataset}}", {"GET": BLOB_READERS, "DELETE": WRITERS}),
    Rule(f"{API}/datasets/{{dataset}}/{{sha256}}", {"PUT": WRITERS, "DELETE": WRITERS}),
    _read(f"{API}/models"),
    Rule(f"{API}/models/{{model}}", {"GET": READERS, "POST": WRITERS, "DELETE": WRITERS}),
    Rule(f"{API}/models/{{model}}/versions/{{version}}", {"GET": BLOB_READERS, "DELETE": WRITERS}),
    _write(f"{API}/models/{{model}}/versions/{{version}}/stage"),
    Rule(f"{API}/blobs/{{sha256}}/pieces", {"GET": BLOB_WRITERS}),
    Rule(f"{API}/blobs/{{sha256}}/pieces/{{offset}}", {"PUT": BLOB_WRITERS}, body=BLOB_BODY),
)


#: Bodies of the page's forms: a script may be among them.
_FORM_BODY = 2 * 1024 * 1024
#: Of a piece of a file that a browser sends, or a whole script.
_PIECE_BODY = 16 * 1024 * 1024


def _look(path: str) -> Rule:
    return Rule(path, {"GET": READERS}, page=True)


LOGIN = "/login"
EVENTS = "/ws/events"
#: What REST can do, to read and to try.
DOCS = "/docs"
#: A file that a script kept, by its place in a result.
ARTIFACT = "/jobs/{job}/artifacts/{token}/{number}"
ARTIFACT_PICTURE = f"{ARTIFACT}/picture"
ARTIFACT_PREVIEW = f"{ARTIFACT}/preview"
JOB_LOG = "/jobs/{job}/log.txt"
#: A machine, to be asked for less: by the buttons on its card.
MACHINE = "/machines/{agent}"
#: A script from the browser.
NEW_UPLOAD = "/new/upload"
DATA = "/data"
DATA_PIECES = f"{DATA}/blobs/{{sha256}}/pieces"
DATA_PIECE = f"{DATA_PIECES}/{{offset}}"
DATA_SET = f"{DATA}/sets/{{dataset}}/{{sha256}}"
#: What the command palette offers to go to.
PALETTE = "/palette"
#: Many jobs at once: not below `/jobs`, where an id might be meant.
BULK = "/bulk/jobs"
#: A service, to be called, changed and stopped from its page.
SERVICE = "/services/{service}"
#: Events of a past time.
EVENTS_ROWS = "/events/rows"
RESULTS = "/results"
RESULTS_ROWS = f"{RESULTS}/rows"
RESULTS_CSV = f"{RESULTS}/table.csv"
RESULTS_PARQUET = f"{RESULTS}/table.parquet"
#: The page. What a callback changes, it checks the role for itself: all callbacks share one path.
PAGE_RULES: tuple[Rule, ...] = (
    Rule(LOGIN, {"GET": READERS, "POST": READERS}, body=4096, open=True, page=True),
    Rule(f"{LOGIN}/{{file}}", {"GET": READERS}, open=True, page=True),
    Rule("/logout", {"POST": READERS}, body=4096, page=True),
    *(
        _look(path)
        for path in (
            *("/", "/jobs", "/jobs/{job}", "/sweeps", "/sweeps/{sweep}", "/pipelines"),
            *("/pipelines/{pipeline}", "/new", "/settings"),
        )
    ),
    *(
        _look(path)
        for path in (
            RESULTS,
            RESULTS_ROWS,
            RESULTS_CSV,
            RESULTS_PARQUET,
            PALETTE,
            EVENTS_ROWS,
            "/events",
            DATA,
            f"{DATA}/{{dataset}}",
            "/models",
            "/models/{model}",
        )
    ),
    _look(DOCS),
    _look(f"{DOCS}/{{file}}"),
    Rule(NEW_UPLOAD, {"PUT": WRITERS}, body=_PIECE_BODY, page=True),
    Rule(DATA_PIECES, {"GET": WRITERS}, page=True),
    Rule(DATA_PIECE, {"PUT": WRITERS}, body=_PIECE_BODY, page=True),
    Rule(DATA_SET, {"PUT": WRITERS}, page=True),
    *(
        Rule(f"{MACHINE}/{verb}", {"POST": WRITERS}, body=4096, page=True)
        for verb in ("pause", "drain", "resume")
    ),
    Rule(BULK, {"POST": WRITERS}, page=True),
    *(_look(path) for path in ("/services", SERVICE)),
    *(
        Rule(f"{SERVICE}/{verb}", {"POST": WRITERS}, page=True)
        for verb in ("call", "rollback", "warm", "stop")
    ),
    _look(ARTIFACT),
    _look(ARTIFACT_PICTURE),
    _look(ARTIFACT_PREVIEW),
    _look(JOB_LOG),
    *(_look(path) for path in ("/_dash-layout", "/_dash-dependencies", "/_favicon.ico")),
    _look("/_dash-component-suites/{file*}"),
    _look("/assets/{file*}"),
    Rule("/_dash-update-component", {"POST": READERS}, body=_FORM_BODY, page=True),
    Rule(EVENTS, {"WEBSOCKET": READERS}, page=True),
)


def find_rule(path: str) -> Rule | None:
    """Return the rule about `path`, or None: no such thing."""
    for rule in (*RULES, *PAGE_RULES):
        if rule.matches(path):
            return rule
    return None


def is_of_the_api(path: str) -> bool:
    """Tell whether tokens open this path, be it there or not."""
    return path in ("/api", RUN_SCRIPT) or path.startswith("/api/")
