"""The agent's process: `python -m agents --broker HOST:PORT --certificate DIR --home DIR`.

Composes home, spool, runner and bus. Small while idle: what only a running
job needs is imported with the first job.
"""

import argparse
import logging
import os
import random
import secrets
import signal
import sys
from importlib import metadata
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from agents.core.agent import AgentCore
from agents.energy.plugging import Outlet
from agents.environments.offered import InterpretersBroken, find_uv, offered
from agents.facts import count_cores, read_facts
from agents.gauge import Gauge
from agents.guest.lookout import Lookout
from agents.guest.settings import PRESETS, SettingsBroken, read_settings, settings_file
from agents.home import AgentHome, HomeInUse
from agents.loop import AgentLoop, ShutDown
from agents.renewal import Renewal
from agents.runner.isolation import IsolationMissing, Isolations, find_isolations
from agents.runner.port import Runner
from agents.spool import Spool, SpoolUnusable
from agents.trust import Trust, TrustUnusable, check_folder
from bus import topics
from bus.clock import suspend_aware_seconds
from bus.logs import add_log_option, configure_logs
from bus.paho_bus import PahoBus
from bus.port import LastWill
from bus.settings import BusSettings, BusSettingsError
from bus.signing import KeyFile
from schemas.isolation import LEVELS
from schemas.messages import Presence

log = logging.getLogger("agents")
_TOLD = (
    *(BusSettingsError, HomeInUse, InterpretersBroken, IsolationMissing, SpoolUnusable, TrustUnusable),
    OSError,
)


def main(argv: list[str] | None = None) -> int:
    """Run the agent until SIGTERM and return its exit code."""
    options = _parse(argv)
    configure_logs(options.log_format)
    try:
        settings = BusSettings.parse(options.broker, options.certificate, options.root)
        settings.read_context()
        check_folder(settings.certificate)
        with AgentHome(Path(options.home)) as home:
            _run(settings, home, options)
    except _TOLD as error:
        print(f"agent: {error}", file=sys.stderr)
        return 1
    return 0


def _run(settings: BusSettings, home: AgentHome, options: argparse.Namespace) -> None:
    name = settings.name
    queue: SimpleQueue[Any] = SimpleQueue()
    isolations = _find_isolations(options)
    boot = home.next_boot()
    spool = Spool(home.spool)
    trust = Trust(settings.certificate)
    core = AgentCore(
        name=name,
        boot=boot,
        instance=secrets.token_hex(16),
        slots=options.slots or max(1, count_cores() // 2),
        facts=read_facts(
            labels=tuple(options.label),
            gpus=options.gpus,
            version=metadata.version("idlehands"),
            isolation=isolations.levels,
            environments=_find_environments(options, home),
            wake=_find_wake_addresses(home),
        ),
        spooled=spool.load(),
        now=suspend_aware_seconds(),
        draw=random.random,
        make_nonce=lambda: secrets.token_hex(16),
        judge=trust.judge,
    )
    outlet = Outlet(home.path)
    runner = _build_runner(options, home, queue, core, isolations, outlet)
    bus = PahoBus(
        settings,
        will=LastWill(topics.PRESENCE, {"agent": name}, Presence(False, boot)),
        signer=KeyFile(settings.certificate / "sign.key"),
        check=trust.check,
    )
    for topic in topics.TO_AGENT:
        bus.subscribe(topic, agent=name)
    bus.subscribe(topics.HQ_STATE)
    if outlet.topic:
        bus.subscribe_plain(outlet.topic)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: queue.put(ShutDown()))
    lookout = Lookout(home.path, queue.put, preset=options.guest, gpus=options.gpus > 0)
    bus.start(queue.put)
    try:
        with Renewal(settings.certificate, lambda: _rest_url(options, core)):
            AgentLoop(
                *(name, core, bus, runner, spool, queue, suspend_aware_seconds),
                trust_changed=trust.changed,
                lookout=lookout,
                hear_plain=outlet.hear,
                measure=Gauge(gpus=options.gpus > 0).read,
            ).run()
    finally:
        lookout.close()
        runner.close()
        bus.stop()
        spool.close()


def _find_environments(options: argparse.Namespace, home: AgentHome) -> tuple[str, ...]:
    if options.runner == "noop":
        return ()
    uv = find_uv()
    if uv is None:
        log.info("uv is not installed: no environments are built here")
    return offered(home.path, uv)


def _find_wake_addresses(home: AgentHome) -> tuple[str, ...]:
    try:
        is_allowed = read_settings(settings_file(home.path)).wake
    except SettingsBroken:
        # The guest policy reads them too: it holds all jobs back and says what is wrong.
        return ()
    if not is_allowed:
        return ()
    from agents.network_cards import find_wake_addresses

    return find_wake_addresses()


def _find_isolations(options: argparse.Namespace) -> Isolations:
    if options.runner == "noop":
        return Isolations()
    found = find_isolations(options.isolation)
    log.info("runs jobs with isolation %s", " and ".join(found.levels))
    if found.why_not_strict:
        log.info("isolation strict is not there: %s", found.why_not_strict)
    return found


def _rest_url(options: argparse.Namespace, core: AgentCore) -> str:
    """Return where REST is.

    Raises:
        ValueError: If it is not https though it must be: who owns the broker could say so, to be sent tokens.
    """
    url = str(options.rest or core.rest)
    if options.https and url and not url.startswith("https://"):
        raise ValueError(f"HQ names plain HTTP for REST ({url}), and this agent was told to take https only")
    return url


def _build_runner(
    options: argparse.Namespace,
    home: AgentHome,
    queue: "SimpleQueue[Any]",
    core: AgentCore,
    isolations: Isolations,
    outlet: Outlet,
) -> Runner:
    if options.runner == "noop":
        from agents.runner.noop_runner import NoopRunner

        return NoopRunner(queue.put)
    from agents.environments.limits import EnvironmentLimits
    from agents.runner.subprocess_runner import SubprocessRunner
    from agents.runner.tree import kill_orphans
    from agents.sealed import SecretsOpener

    # What an earlier boot left running would run beside its own second attempt.
    kill_orphans(home.path)
    certificate = Path(options.certificate)
    token = certificate / "token"
    return SubprocessRunner(
        home.path,
        queue.put,
        rest_url=lambda: _rest_url(options, core),
        token=lambda: token.read_text().strip() if token.is_file() else "",
        cafile=certificate / "ca.pem",
        interpreter=options.python,
        isolations=isolations,
        hidden=[certificate, *_find_houses(certificate)],
        secrets_opener=SecretsOpener(certificate / "seal.key"),
        checkpoint_seconds=options.checkpoint_seconds,
        dataset_bytes=int(options.dataset_gb * 1024**3),
        tells_environment=True,
        environment_limits=EnvironmentLimits(
            int(options.environment_gb * 1024**3), options.environment_seconds
        ),
        is_warm=options.warm == "on",
        build_metering=lambda: outlet.build_metering(slots=core.slots, gpus=options.gpus),
        threads=max(1, count_cores() // (options.slots or max(1, count_cores() // 2))),
    )


def _find_houses(certificate: Path) -> list[Path]:
    """Return the house's folder when the agent runs on its HQ host: all keys of the house lie in there."""
    return [folder for folder in certificate.resolve().parents if (folder / "house.json").exists()]


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m agents", description="The agent process.")
    parser.add_argument("--broker", required=True, metavar="HOST:PORT")
    parser.add_argument(
        "--certificate",
        required=True,
        metavar="DIR",
        help="what `idlehands cert issue` wrote",
    )
    parser.add_argument("--home", required=True, metavar="DIR", help="where spool, bundles and attempts live")
    parser.add_argument("--slots", type=int, default=0, help="jobs at a time (default: half the cores)")
    parser.add_argument("--label", action="append", default=[], help="a label that jobs may ask for")
    parser.add_argument("--gpus", type=int, default=0, help="GPUs that jobs may use")
    parser.add_argument(
        "--isolation", choices=LEVELS, default="none", help="the least isolation that any job is run with"
    )
    parser.add_argument("--python", metavar="FILE", help="the interpreter for scripts (default: this one)")
    parser.add_argument("--runner", choices=("subprocess", "noop"), default="subprocess")
    parser.add_argument(
        "--dataset-gb",
        type=float,
        default=float(os.environ.get("IDLEHANDS_DATASET_GB") or 20.0),
        metavar="N",
        help="keep at most so much of datasets on this machine (default: 20)",
    )
    parser.add_argument(
        "--environment-gb",
        type=float,
        default=float(os.environ.get("IDLEHANDS_ENVIRONMENT_GB") or 20.0),
        metavar="N",
        help="keep at most so much of environments that were built for scripts (default: 20)",
    )
    parser.add_argument(
        "--environment-seconds",
        type=float,
        default=float(os.environ.get("IDLEHANDS_ENVIRONMENT_SECONDS") or 1800.0),
        metavar="N",
        help="build an environment for at most so long (default: 1800)",
    )
    parser.add_argument(
        "--checkpoint-seconds",
        type=float,
        default=float(os.environ.get("IDLEHANDS_CHECKPOINT_SECONDS") or 30.0),
        metavar="N",
        help="store the checkpoints of running scripts at most so often (default: 30)",
    )
    parser.add_argument(
        "--warm",
        choices=("on", "off"),
        default=os.environ.get("IDLEHANDS_WARM") or "on",
        help="off: a fresh interpreter for every script (default: on Linux, forked from warm ones)",
    )
    parser.add_argument(
        "--guest",
        choices=PRESETS,
        help="when jobs may run, whatever guest.json in the home says (default: what that says, else polite)",
    )
    parser.add_argument("--rest", default="", metavar="URL", help="base URL of REST (default: what HQ says)")
    parser.add_argument("--https", action="store_true", help="take REST over https only, whatever HQ says")
    parser.add_argument("--root", default="idlehands/v1", help="first levels of every topic")
    add_log_option(parser)
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
