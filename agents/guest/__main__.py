"""`python -m agents.guest VERB --home DIR`: the owner's side of the policy, without HQ.

    check     what each sensor sees, what the policy decides and why
    policy    show the rules, or set some of them
    pause, drain, dedicate, resume

A running agent notices within two seconds, within a quarter of one while a job runs.
"""

import argparse
import sys
import time
from pathlib import Path
from typing import Any

import msgspec

from agents.guest.decision import Decision, Memory
from agents.guest.equipment import build_sensors
from agents.guest.panorama import Panorama
from agents.guest.policy import decide
from agents.guest.readings import Command, Readings, Wish
from agents.guest.settings import (
    SettingsBroken,
    change_settings,
    read_settings,
    settings_file,
)
from agents.guest.wishes import HOUSE, OWN, read_wish, write_file, write_wish
from agents.guest.words import ago, until
from schemas.durations import DurationUnknown, parse_duration

#: Between two looks: what a program takes of the processor can only be told from two.
_BETWEEN_SECONDS = 1.0
_WISHES = ("pause", "drain", "dedicate", "resume")
#: Lines for people, and the same as a document.
_Said = tuple[list[str], dict[str, Any]]


def main(argv: list[str] | None = None) -> int:
    """Do one thing for each home and return the exit code. With `--json`, a document a line and home."""
    options = _parse(argv)
    code = 0
    for home in options.home:
        if len(options.home) > 1 and not options.json:
            print(f"{home}:")
        try:
            if not home.is_dir():
                raise SettingsBroken(f"no agent ever ran in {home}: start it with `idlehands agent`")
            do = {"check": _check, "policy": _policy}.get(options.verb, _wish)
            lines, document = do(home, options)
            if options.json:
                print(msgspec.json.encode({"home": str(home), **document}).decode())
            else:
                print("\n".join(lines))
        except (SettingsBroken, DurationUnknown, OSError) as error:
            print(f"Error: {error}", file=sys.stderr)
            code = 1
    return code


def _wish(home: Path, options: argparse.Namespace) -> _Said:
    if options.verb == "resume":
        had = read_wish(home, OWN)
        write_wish(home, OWN, None)
        lines = ["back to the rules" if had else "nothing was asked for"]
        of_house = read_wish(home, HOUSE)
        if of_house is not None:
            # The owner is the one who may.
            write_wish(home, HOUSE, None)
            lines.append("what the house asked for is taken back too")
        back = [wish.command for wish in (had, of_house) if wish is not None]
        return lines, {"wish": None, "taken_back": back}
    end = None if options.duration is None else time.time() + parse_duration(options.duration)
    command: Command = options.verb
    write_wish(home, OWN, Wish(command, end))
    does = {
        "pause": "jobs stand still, and leave if that lasts",
        "drain": "jobs finish, and no new one begins",
        "dedicate": "jobs run as if nobody ever came",
    }
    return [f"{does[command]}, {until(end, time.time())}"], {"wish": command, "until": end}


def _policy(home: Path, options: argparse.Namespace) -> _Said:
    file = settings_file(home)
    if options.set or options.preset:
        pairs = [*([f"preset={options.preset}"] if options.preset else []), *options.set]
        settings = change_settings(read_settings(file), pairs)
        write_file(file, msgspec.json.format(msgspec.json.encode(settings)) + b"\n")
    settings = read_settings(file)
    given = msgspec.to_builtins(settings)
    lines, rules = [], {}
    for name in settings.__struct_fields__:
        value = getattr(settings, name)
        if name in _PRESET_HAS and value is None:
            value = settings.chosen(name)
        rules[name] = value
        note = "" if name in given else "  (usual)"
        lines.append(f"{name:<22} {_show(value)}{note}")
    return lines, {"rules": rules, "set": sorted(given)}


_PRESET_HAS = ("on_mains", "full_screen", "gpu_alone", "battery_over", "free_disk_gb")


def _show(value: Any) -> str:
    match value:
        case tuple():
            return ", ".join(value) or "none"
        case None:
            return "no limit"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:g}"
    return str(value)


def _check(home: Path, options: argparse.Namespace) -> _Said:
    settings = read_settings(settings_file(home))
    running = _read_running(home)
    heard = running.get("heard", {}) if running else {}
    root = running["pid"] if running else None
    panorama = Panorama(build_sensors(home, lambda: settings, root=root, gpus=True))
    try:
        panorama.look(settings, time.monotonic(), busy=True)
        time.sleep(_BETWEEN_SECONDS)
        readings = panorama.look(settings, time.monotonic() + 60, busy=True)
        sensors = dict(panorama.describe())
    finally:
        panorama.close()
    lines = [f"{name:<16} {words}" for name, words in sensors.items()]
    lines += [f"{topic:<16} {value[:60]}" for topic, value in sorted(heard.items())]
    for name, who in ((OWN, "its owner"), (HOUSE, "the house")):
        wish = read_wish(home, name)
        if wish is not None:
            lines.append(f"{who:<16} asked for {wish.command} {until(wish.until, time.time())}")
    local = time.localtime()
    readings = msgspec.structs.replace(
        readings,
        busy=False,
        topics=heard,
        minute_of_week=local.tm_wday * 1440 + local.tm_hour * 60 + local.tm_min,
        unix=time.time(),
        own_wish=read_wish(home, OWN),
        house_wish=read_wish(home, HOUSE),
    )
    lines += [f"{'input':<16} {_input_words(readings)}", f"{'preset':<16} {settings.preset}"]
    decision, _ = decide(settings, readings, 0.0, Memory())
    lines += _describe_decision("an agent that starts now", decision)
    agent = None
    if running is not None:
        says = running["says"]
        since = ago(time.time() - running["at"])
        agent = says["decision"]
        who = f"the agent, {says['preset']}, since {since}"
        lines += _describe_decision(who, msgspec.convert(agent, Decision))
    document = {
        "sensors": sensors,
        "topics": heard,
        "wishes": {"own": readings.own_wish, "house": readings.house_wish},
        "input": _input_words(readings),
        "preset": settings.preset,
        "would": decision,
        "agent": agent,
    }
    return lines, document


def _input_words(readings: Readings) -> str:
    if readings.input_seconds is None:
        return f"unknown: {readings.input_unknown or 'no rule asks for it'}"
    if readings.input_seconds == float("inf"):
        return "nobody is logged in and there is no desktop, so nobody is there"
    return f"last {ago(readings.input_seconds)}"


def _describe_decision(who: str, decision: Decision) -> list[str]:
    cores = "half of the cores" if decision.half_cores else "all slots"
    holds = {"run": "takes nothing new", "freeze": "lets jobs stand still", "vacate": "lets jobs leave"}
    jobs = f"takes jobs on {cores}" if decision.accepting else holds[decision.cpu]
    lines = [f"{who}: {jobs}{f': {decision.reason}' if decision.reason else ''}"]
    if not decision.accepting_gpu and decision.gpu_reason != decision.reason:
        lines.append(f"{who}: no GPU jobs: {decision.gpu_reason}")
    return lines


def _read_running(home: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = msgspec.json.decode((home / "guest-now.json").read_bytes())
    except (OSError, msgspec.DecodeError):
        return None
    return found if _is_locked(home / "lock") else None


def _is_locked(file: Path) -> bool:
    """Tell whether an agent runs in a home: it holds the lock."""
    try:
        import fcntl
    except ImportError:  # pragma: no cover - Windows
        return True
    try:
        with open(file) as opened:
            fcntl.flock(opened, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m agents.guest", description="The owner's rules.")
    parser.add_argument("verb", choices=("check", "policy", *_WISHES))
    parser.add_argument("--home", type=Path, action="append", required=True, metavar="DIR")
    parser.add_argument(
        "--for", dest="duration", metavar="TIME", help="such as 30m or 1h; else until resumed"
    )
    parser.add_argument("--json", action="store_true", help="a JSON document a line and home")
    parser.add_argument("--preset", help="polite, when-idle, nights or dedicated")
    parser.add_argument(
        "--set", action="append", default=[], metavar="NAME=VALUE", help="a rule; VALUE is JSON"
    )
    return parser.parse_args(argv)


if __name__ == "__main__":
    sys.exit(main())
