"""The demo from start to end: house, data preparation, sweep, table, what to try next."""

import importlib.util
import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any, NoReturn

from idlehands.bundle import build_bundle
from idlehands.client import Client, connect
from idlehands.demo.board import Board
from idlehands.demo.following import follow_job, follow_sweep
from idlehands.demo.next_steps import describe_house, describe_next_steps
from idlehands.demo.place import Place, open_house, open_place
from idlehands.demo.screens import PlainScreen, Screen
from idlehands.house.furnish import external_database
from idlehands.house.home import COMMAND_LINE, HouseError
from idlehands.house.install import find_or_install_mosquitto
from idlehands.house.mongod import MongodMissing, find_mongod
from idlehands.house.running import RunningHouse
from schemas.specs import Choice, FloatRange, IntRange, JobSpec, ScriptRef, SweepSpec
from schemas.states import JobStatus, SweepStatus

AGENTS = 2
_PREPARE = "prepare_data.py"
_TRAIN = "train_mlp.py"
_NEEDED = {"torch": "torch", "sklearn": "scikit-learn", "pandas": "pandas"}
#: More trials at a time would not fit the screen.
_SLOTS_AT_MOST = 4


@dataclass(frozen=True)
class Plan:
    """What to show.

    Attributes:
        stays: Keep the house up after the sweep, until Ctrl-C.
        trials: How many parameter sets are tried.
        epochs: What the sweep chooses from.
        scripts: The folder with the two scripts; the clone's by default.
    """

    stays: bool = False
    trials: int = 12
    epochs: tuple[int, ...] = (10, 20, 40)
    scripts: Path = Path(__file__).resolve().parents[2] / "scripts"


def run_demo(plan: Plan) -> int:
    """Show the demo and return its exit code: 0 when every job succeeded, else 1.

    Call it in the main thread. When it returns or raises, nothing of it runs any more.

    Raises:
        HouseError: If something is missing or the house cannot come up; the text names the ways out.
        ClientError: If the house does not answer.
        KeyboardInterrupt: On Ctrl-C before the sweep has ended.
        SystemExit: With 128 + N on SIGTERM and SIGHUP.
    """
    _check_parts(plan)
    with _signals(), open_place() as place:
        screen = _choose_screen()
        try:
            screen.busy(f"Starting broker, MongoDB, HQ, web and {AGENTS} agents in {place.path}")
            with open_house(place, AGENTS, _slots()) as house:
                try:
                    code = _show(plan, house, screen, place)
                finally:
                    screen.end_sweep()
                    # From here on it ends in any case: a second Ctrl-C must not leave processes behind.
                    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
                        signal.signal(number, signal.SIG_IGN)
                screen.busy("Stopping everything")
        finally:
            screen.end_sweep()
        place.keep = place.keep and code != 0
        if code != 0 or not place.is_own:
            screen.say(f"The house and its logs are in {place.path}.")
    return code


def _show(plan: Plan, house: RunningHouse, screen: Screen, place: Place) -> int:
    home = house.home
    with connect(_settings(house)) as client:
        screen.say(describe_house(home, to_person=plan.stays))
        whole = _prepare_data(client, plan, screen)
        sweep = _submit_sweep(client, plan)
        screen.say(
            f"\nSweep {sweep}: {plan.trials} trials of {_TRAIN}, a small network on handwritten digits"
        )
        screen.begin_sweep(plan.trials)
        board = Board()
        found = follow_sweep(client, sweep, board, screen, lambda: _check_house(house))
        screen.end_sweep()
        screen.show_table(board)
        whole = _conclude(plan, found, board, screen) and whole
    if plan.stays:
        screen.say(describe_next_steps(home, sweep, is_own=place.is_own))
        _stay(house)
    return 0 if whole else 1


def _prepare_data(client: Client, plan: Plan, screen: Screen) -> bool:
    job = client.submit([JobSpec(_upload(client, plan.scripts / _PREPARE), name="prepare data")]).jobs[0]
    screen.busy(f"Job {job}: {_PREPARE}")
    last = follow_job(client, job, screen)
    row = client.job(job, at_least=last.position)
    result: dict[str, Any] = {}
    for attempt in row["results"]:
        if attempt["verdict"] == "accepted":
            result = attempt["result"] or {}
    if last.status is JobStatus.SUCCEEDED:
        printed = result.get("result") or {}
        screen.say(
            f"{_PREPARE} {last.status}: {printed.get('rows')} rows, {len(printed.get('types', {}))} columns "
            f"became {printed.get('columns')}, in {result.get('duration_seconds', 0):.1f} s"
        )
        return True
    failure = result.get("failure") or {}
    screen.say(f"{_PREPARE} {last.status}: {failure.get('message') or row['why'] or last.why}")
    return False


def _submit_sweep(client: Client, plan: Plan) -> str:
    spec = SweepSpec(
        JobSpec(_upload(client, plan.scripts / _TRAIN)),
        {
            "learning_rate": FloatRange(1e-4, 3e-2, log=True),
            "layers": IntRange(1, 3),
            "dropout": Choice((0.0, 0.1, 0.3)),
            "epochs": Choice(plan.epochs),
        },
        sampler="random",
        trials=plan.trials,
        metric="accuracy",
        direction="maximize",
        name="demo",
    )
    return client.submit_sweep(spec).sweep


def _upload(client: Client, script: Path) -> ScriptRef:
    bundle = build_bundle(script)
    client.put_blob(bundle.content)
    return ScriptRef(bundle.sha256, bundle.entry, name=script.stem)


def _conclude(plan: Plan, found: dict[str, Any], board: Board, screen: Screen) -> bool:
    succeeded = sum(trial.status is JobStatus.SUCCEEDED for trial in board.trials.values())
    whole = (
        found["status"] == SweepStatus.FINISHED and board.all_succeeded() and len(board.trials) == plan.trials
    )
    if whole:
        screen.say(f"Every job succeeded: the data preparation and {succeeded} trials.")
    else:
        why = f" ({found['why']})" if found.get("why") else ""
        screen.say(
            f"Only {succeeded} of {plan.trials} trials succeeded; the sweep is {found['status']}{why}."
        )
    return whole


def _stay(house: RunningHouse) -> None:
    """Return at Ctrl-C.

    Raises:
        HouseError: If the house ends by itself.
    """
    try:
        house.process.wait()
    except KeyboardInterrupt:
        return
    _check_house(house)


def _check_house(house: RunningHouse) -> None:
    if house.process.poll() is not None:
        raise HouseError(f"The house has ended; {house.home.logs / 'up.log'} says why.")


def _check_parts(plan: Plan) -> None:
    """Find out what is missing before anything is started."""
    missing = [package for module, package in _NEEDED.items() if importlib.util.find_spec(module) is None]
    if missing:
        raise HouseError(
            f"The demo's scripts need {', '.join(missing)}, which is not installed. "
            "`./run demo` in a clone of Idlehands installs it, as does `pip install 'idlehands[demo]'`."
        )
    for script in (_PREPARE, _TRAIN):
        if not (plan.scripts / script).is_file():
            raise HouseError(
                f"The demo's script {plan.scripts / script} is missing: "
                "the demo runs from a clone of Idlehands."
            )
    find_or_install_mosquitto()
    if external_database() is None:
        try:
            find_mongod()
        except MongodMissing as error:
            raise HouseError(str(error)) from error


def _settings(house: RunningHouse) -> Any:
    from bus.settings import BusSettings

    return BusSettings.parse(house.home.broker_address, house.home.client(COMMAND_LINE))


def _slots() -> int:
    import os

    return min(max((os.cpu_count() or 2) // AGENTS, 1), _SLOTS_AT_MOST)


def _choose_screen() -> Screen:
    import os

    if sys.stdout.isatty() and os.environ.get("TERM") != "dumb":
        from idlehands.demo.bars import LiveScreen

        return LiveScreen()
    return PlainScreen()


@contextmanager
def _signals() -> Iterator[None]:
    """Turn SIGTERM and SIGHUP into exceptions, so that everything is stopped on the way out."""

    def end(number: int, frame: FrameType | None) -> NoReturn:
        raise SystemExit(128 + number)

    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}
    for number in (signal.SIGTERM, signal.SIGHUP):
        # nohup ignores SIGHUP for us, and then a closed terminal shall not stop the demo.
        if before[number] != signal.SIG_IGN:
            signal.signal(number, end)
    # A shell that starts us in the background ignores SIGINT for us; `kill -INT` shall still work.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
