"""What the demo says about its house: where it is, and what to try while it is up."""

import os
import shlex
import sys
from pathlib import Path

from idlehands.house.home import COMMAND_LINE, Home
from idlehands.house.login import login_link


def describe_house(home: Home, *, to_person: bool) -> str:
    """Return where the house's parts are reached; for a person, who can use it, the page's is a login link.

    Raises:
        HouseError: If the login cannot be stored.
    """
    text = (
        f"The house is up: broker, MongoDB, HQ, web and agents, on loopback only\n"
        f"  page    {home.page_url}\n"
        f"  REST    {home.rest_url}\n"
        f"  broker  {home.broker_url}"
    )
    # A login in a log file would be a key left lying about.
    return f"{text}\nLog in to the page, once, within the hour:\n  {login_link(home)}" if to_person else text


def describe_next_steps(home: Home, sweep: str, *, is_own: bool) -> str:
    """Return commands that work as they stand, from the folder that the demo was started in."""
    run = _command()
    host, _, port = home.broker_address.rpartition(":")
    mine = f"$IDLEHANDS_HOME/clients/{COMMAND_LINE}"
    lines = [
        "",
        "The house stays up until Ctrl-C. In another terminal, in this folder:",
        f"  export IDLEHANDS_HOME={shlex.quote(str(home.path))}",
        f"  {run} jobs                 every job, newest first",
        f"  {run} results --sweep {sweep}",
        f"  {run} login                a fresh link to the page",
        f"  {run} run YOUR_SCRIPT.py   your own script: any Python file, unchanged",
        f"  (cd {mine} && mosquitto_sub -h {host} -p {port} \\",
        "      --cafile ca.pem --cert cert.pem --key key.pem -t 'idlehands/v1/#' -v)",
        f'  curl -H "Authorization: Bearer $(cat {mine}/token)" \\',
        f"      {home.rest_url}/jobs",
    ]
    if is_own:
        lines.append("With Ctrl-C this house and its results go. To have one that stays: ./run up")
    return "\n".join(lines)


def _command() -> str:
    """Return how the command line is called here: `./run` in a clone, else `idlehands`."""
    root = Path(__file__).resolve().parents[2]
    if (root / "run").is_file():
        run = os.path.relpath(root / "run")
        return run if run.startswith("..") else f"./{run}"
    return "idlehands" if not sys.argv[0].endswith("__main__.py") else "python -m idlehands"
