"""Who may publish and receive what on the bus, found by trying it: real broker, real access rules.

Every principal publishes on every topic with its own and with everybody else's
name, and subscribes to everything while HQ publishes on every topic. What got
through is what counts: HQ reads all below the root, and a ping marks the end.
"""

import re
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from bus.topics import ALL_TOPICS, DEFAULT_ROOT
from idlehands.house import pki, probe
from idlehands.house.home import open_home
from idlehands.house.registry import Role
from tests.fixtures.broker import BrokerServer
from tests.permissions.line import Line

#: Name of each principal, and the role of its certificate.
PRINCIPALS = {
    "hq": "service",
    "web": "service",
    "search": "service",
    "attic": "agent",
    "cellar": "agent",
    "olga": "operator",
    "vera": "viewer",
}
NOBODY = "nobody"
COLUMNS = {
    "hq": "HQ", "web": "web", "search": "search", "attic": "agent", "cellar": "another agent",
    "olga": "operator", "vera": "viewer", NOBODY: "no certificate",
}  # fmt: skip
SAMPLES = {"job": "j" + "a" * 12, "sweep": "s" + "a" * 12}
#: Beside the topics that there are. `{me}` is the principal's own name.
BESIDE = (
    f"{DEFAULT_ROOT}", f"{DEFAULT_ROOT}/agent", f"{DEFAULT_ROOT}/agent/{{me}}",
    f"{DEFAULT_ROOT}/agent/{{me}}/up", f"{DEFAULT_ROOT}/agent/{{me}}/up/unknown",
    f"{DEFAULT_ROOT}/agent/{{me}}/up/unknown/deeper", f"{DEFAULT_ROOT}/agent/{{me}}/down/unknown",
    f"{DEFAULT_ROOT}/agent/{{me}}/presence/deeper", f"{DEFAULT_ROOT}/agent/{{me}}/unknown",
    f"{DEFAULT_ROOT}/client/{{me}}/up/unknown", f"{DEFAULT_ROOT}/client/{{me}}/down/unknown",
    f"{DEFAULT_ROOT}/client/{{me}}/unknown", f"{DEFAULT_ROOT}/hq", f"{DEFAULT_ROOT}/hq/unknown",
    f"{DEFAULT_ROOT}/hq/state/deeper", f"{DEFAULT_ROOT}/unknown", f"{DEFAULT_ROOT}//hq/state",
    f"/{DEFAULT_ROOT}/hq/state", "idlehands/v2/hq/state", "idlehands", "IDLEHANDS/V1/hq/state",
    "homeassistant/device/idlehands-{me}/config", "homeassistant/status", "elsewhere",
    "$SYS/broker/version", "$SYS/broker/clients/connected", "$CONTROL/dynamic-security/v1",
)  # fmt: skip


@dataclass(frozen=True)
class Row:
    """One topic with whose name is in it. `own` is None for topics without a principal's name."""

    template: str
    own: bool | None

    def names_for(self, principal: str) -> list[str]:
        """Return the full topic names that this row means for `principal`."""
        whose = re.search(r"{(agent|client|me)}", self.template)
        if whose is None:
            return [self.template.format(**SAMPLES)]
        mine = [principal] if self.own else [each for each in (*PRINCIPALS, "stranger") if each != principal]
        return [self.template.format(**SAMPLES, **{whose[1]: name}) for name in mine]


ROWS: tuple[Row, ...] = tuple(
    Row(f"{DEFAULT_ROOT}/{topic.template}", own)
    for topic in ALL_TOPICS
    for own in ((True, False) if re.search(r"{(agent|client)}", topic.template) else (None,))
) + tuple(Row(name, own) for name in BESIDE for own in ((True, False) if "{me}" in name else (None,)))


@dataclass
class BusTable:
    """What was found. Cells by (row, principal): the topic names that got through, of those tried."""

    publish: dict[tuple[Row, str], tuple[int, int]] = field(default_factory=dict)
    receive: dict[tuple[Row, str], tuple[int, int]] = field(default_factory=dict)
    #: Ways in that were tried without a certificate of the house, and whether one was open.
    doors: dict[str, bool] = field(default_factory=dict)


def measure(folder: Path) -> BusTable:
    """Return what each principal can do, on a broker of its own in `folder`."""
    server = BrokerServer(folder)
    try:
        for name, role in PRINCIPALS.items():
            server.issue(name, role)
        server.start()
        table = BusTable()
        _try_doors(server, folder, table)
        _try_publishing(server, table)
        _try_receiving(server, table)
        return table
    finally:
        server.kill()


def _try_publishing(server: BrokerServer, table: BusTable) -> None:
    with Line(server.settings("hq", "service")) as observer:
        observer.subscribe(["#", f"{DEFAULT_ROOT}/#"])
        for principal, role in PRINCIPALS.items():
            taken: dict[str, bool] = {}
            with Line(server.settings(principal, role)) as line:
                for name in sorted({name for row in ROWS for name in row.names_for(principal)}):
                    taken[name] = line.publish(name, principal.encode()) < 0x80
            seen = {said.topic for said in observer.ping() if said.payload == principal.encode()}
            for name, was_taken in taken.items():
                # HQ reads all below the root: there the broker's word must be what happened.
                if name.startswith(f"{DEFAULT_ROOT}/") or name == DEFAULT_ROOT:
                    assert was_taken is (name in seen), f"{principal} on {name}: {was_taken}, {name in seen}"
            for row in ROWS:
                names = row.names_for(principal)
                table.publish[row, principal] = (sum(taken[name] for name in names), len(names))
    for row in ROWS:
        table.publish[row, NOBODY] = (int(any(table.doors.values())), 1)


def _try_receiving(server: BrokerServer, table: BusTable) -> None:
    everything = sorted({name for row in ROWS for who in PRINCIPALS for name in row.names_for(who)})
    with ExitStack() as stack:
        readers = {}
        for principal, role in PRINCIPALS.items():
            readers[principal] = stack.enter_context(Line(server.settings(principal, role)))
            readers[principal].subscribe(["#", "$SYS/#", "$CONTROL/#", f"{DEFAULT_ROOT}/#"])
            # By name too, should a rule ever look at what was asked for and not at what is sent.
            own = [name for row in ROWS for name in row.names_for(principal)]
            for start in range(0, len(own), 50):
                readers[principal].subscribe(own[start : start + 50])
        with Line(server.settings("hq", "service")) as hq:
            for name in everything:
                hq.publish(name, b"from hq")
        seen = {principal: {said.topic for said in reader.ping()} for principal, reader in readers.items()}
    for row in ROWS:
        for principal in PRINCIPALS:
            names = row.names_for(principal)
            table.receive[row, principal] = (sum(name in seen[principal] for name in names), len(names))
        table.receive[row, NOBODY] = (int(any(table.doors.values())), 1)


def _try_doors(server: BrokerServer, folder: Path, table: BusTable) -> None:
    other = open_home(folder / "other")
    pki.ensure_authority(other)
    pki.issue(other, "olga", Role.OPERATOR, folder / "stranger")
    home = server.home
    table.doors = {
        "TLS without a certificate": probe.accepts(home, None),
        "no TLS": probe.accepts(home, None, tls=False),
        "a certificate of another house": probe.accepts(home, folder / "stranger"),
        "the broker's own certificate": probe.accepts(home, home.broker),
    }
