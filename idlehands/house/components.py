"""The processes of a house: how each is run, and how one sees that it is ready.

Only describes them; the supervisor starts them. Stages are the order of start
and, backwards, of stop: who depends on whom.
"""

import json
import sys
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from bus.settings import read_web_context
from bus.topics import DEFAULT_ROOT, HQ_STATE, PRESENCE, Topic
from idlehands.house import broker, mongod, probe
from idlehands.house.audit import note
from idlehands.house.certificates import host_names
from idlehands.house.furnish import database_uri_file, external_database
from idlehands.house.home import COMMAND_LINE, Home, HouseError
from idlehands.house.install import find_or_install_mosquitto
from idlehands.house.intruder import attack_broker
from idlehands.house.web_intruder import attack_web
from schemas.isolation import Isolation

#: Broker and database have stages below this one.
FOUNDATION = 2
#: Given to a readiness check: true when waiting longer has no point.
GiveUp = Callable[[], bool]


@dataclass(frozen=True)
class Component:
    """One process of the house.

    Attributes:
        name: As in the status and in `logs/NAME.log`.
        stage: Lower stages stop last. Those below `FOUNDATION` must be ready before the others start.
        argv: The command line; stays in the foreground, ends on SIGTERM.
        is_ready: One look, of two seconds at most.
        stop_seconds: How long it may take to end before it is killed.
    """

    name: str
    stage: int
    argv: tuple[str, ...]
    is_ready: Callable[[GiveUp], bool]
    stop_seconds: float = 4.0


@dataclass(frozen=True)
class AgentOptions:
    """How many agents this machine runs, and what they are told."""

    count: int = 1
    slots: int | None = None
    runner: str | None = None
    #: The least isolation of jobs; as `house.json` says by default.
    isolation: Isolation | None = None
    #: When jobs may run; None: as the owner's rules have it. Houses that are started from Python are
    #: for tries and tests: they have their machine to themselves.
    guest: str | None = "dedicated"


def build_components(home: Home, agents: list[str], options: AgentOptions) -> list[Component]:
    """Return all processes of a furnished house, in order of stage.

    Raises:
        HouseError: If broker or database are missing.
    """
    parts = [_broker(home)]
    if external_database() is None:
        parts.append(_mongod(home))
    return [*parts, _hq(home), _search(home), _web(home), *(_agent(home, name, options) for name in agents)]


def hq_command(home: Home) -> tuple[str, ...]:
    """Return the command line of HQ."""
    return (
        *_python("hq", home, home.service("hq")),
        *("--mongodb-file", str(database_uri_file(home)), "--rest", home.web_url),
        *("--retention", str(home.retention_file)),
    )


def housekeeping_command(home: Home, chore: str, *flags: str) -> tuple[str, ...]:
    """Return the command line of a chore of the housekeeping: clean or compact."""
    file = str(database_uri_file(home))
    return (sys.executable, "-P", "-m", "hq.housekeeping", chore, "--mongodb-file", file, *flags)


def keeping_command(home: Home, *settings: str) -> tuple[str, ...]:
    """Return the command line that says how long things are kept, and changes what `settings` name."""
    program = (sys.executable, "-P", "-m", "hq.housekeeping", "keep")
    return (*program, "--retention", str(home.retention_file), *settings)


def rebuild_command(home: Home) -> tuple[str, ...]:
    """Return the command line that makes the read models again."""
    file = str(database_uri_file(home))
    return (sys.executable, "-P", "-m", "hq.read_models", "--mongodb-file", file)


def optuna_dashboard_command(home: Home, port: int) -> tuple[str, ...]:
    """Return the command line of Optuna's page over the sweeps."""
    file = str(database_uri_file(home))
    return (sys.executable, "-P", "-m", "hq.dashboard", "--mongodb-file", file, "--port", str(port))


def web_command(home: Home) -> tuple[str, ...]:
    """Return the command line of the web process."""
    host = home.settings.address
    listen = f"[{host}]" if ":" in host else host
    command = [
        *_python("dash_app", home, home.service("web")),
        *("--mongodb-file", str(database_uri_file(home))),
        *("--listen", f"{listen}:{home.settings.ports.web}", "--tokens", str(home.tokens_file)),
    ]
    if home.is_https:
        command += ["--tls-certificate", str(home.web_certificate), "--tls-key", str(home.web_key)]
        command += [word for name in host_names() for word in ("--allow-host", name)]
    return tuple(command)


def agent_command(home: Home, name: str, options: AgentOptions) -> tuple[str, ...]:
    """Return the command line of the agent `name` on this machine."""
    folder = home.agent(name)
    command = [*_python("agents", home, folder), "--home", str(folder / "home")]
    if options.slots is not None:
        command += ["--slots", str(options.slots)]
    if options.runner is not None:
        command += ["--runner", options.runner]
    command += ["--https"] if home.is_https else []
    command += ["--isolation", options.isolation or home.settings.isolation]
    if options.guest is not None:
        command += ["--guest", options.guest]
    return tuple(command)


def _python(module: str, home: Home, certificate: Path) -> tuple[str, ...]:
    # -P: the folder that we are in must not hide a package, and a house has folders `hq` and `agents`.
    return (
        *(sys.executable, "-P", "-m", module),
        *("--broker", home.broker_address, "--certificate", str(certificate)),
    )


def _broker(home: Home) -> Component:
    program = broker.prepare(home, find_or_install_mosquitto())

    def is_ready(_: GiveUp) -> bool:
        return probe.accepts(home, home.client(COMMAND_LINE)) and _attack(home, "broker", attack_broker)

    return Component("broker", 0, program.argv, is_ready, stop_seconds=3.0)


def _mongod(home: Home) -> Component:
    try:
        program = mongod.prepare(home.mongodb, home.settings.ports.mongodb)
    except mongod.MongodMissing as error:
        raise HouseError(str(error)) from error

    def is_ready(give_up: GiveUp) -> bool:
        try:
            mongod.ensure_ready(program.uri, timeout_seconds=2, should_give_up=give_up)
        except mongod.MongodNotReady:
            return False
        return True

    return Component("mongod", 1, program.argv, is_ready, stop_seconds=20.0)


def _hq(home: Home) -> Component:
    return Component("hq", 2, hq_command(home), lambda _: _is_online(home, HQ_STATE))


def _search(home: Home) -> Component:
    # It answers to nobody: that it runs is all that can be seen of it.
    argv = _python("hq.search", home, home.service("search"))
    return Component("search", 3, argv, lambda _: True)


def _web(home: Home) -> Component:
    def is_ready(_: GiveUp) -> bool:
        return _answers(home, f"{home.page_url}healthz") and _attack(home, "web", attack_web)

    return Component("web", 3, web_command(home), is_ready)


def _agent(home: Home, name: str, options: AgentOptions) -> Component:
    # It gives its scripts five seconds to end.
    return Component(
        f"agent-{name}",
        4,
        agent_command(home, name, options),
        lambda _: _is_online(home, PRESENCE, agent=name),
        stop_seconds=8.0,
    )


def _attack(home: Home, whom: str, attack: Callable[[Home], bool]) -> bool:
    """Attack a part of the house and note how that ended, once it did."""
    try:
        held = attack(home)
    except HouseError as error:
        note(home, "self-attack.succeeded", subject=whom, outcome="failed", detail=str(error))
        raise
    if held:
        note(home, "self-attack.refused", subject=whom, detail="all of it was refused")
    return held


def _is_online(home: Home, topic: Topic, **names: str) -> bool:
    try:
        retained = probe.read_retained(home, home.client(COMMAND_LINE), f"{DEFAULT_ROOT}/{topic.of(**names)}")
        return retained is not None and json.loads(retained)["data"]["online"] is True
    except (OSError, EOFError, ValueError, LookupError):
        return False


def _answers(home: Home, url: str) -> bool:
    try:
        # Never through a proxy that the environment names: this is our own machine.
        handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})]
        if home.is_https:
            handlers.append(urllib.request.HTTPSHandler(context=read_web_context(home.pki / "ca.pem")))
        with urllib.request.build_opener(*handlers).open(url, timeout=2) as response:
            return bool(response.status == 200)
    except OSError:
        return False
