"""The command line as a process, without a house: help, mistakes, and ways out."""

import json
import os
import subprocess
from importlib import metadata
from pathlib import Path

import pytest
from msgspec.structs import replace

from idlehands.house.files import locked
from idlehands.house.home import open_home
from idlehands.house.status import HouseStatus, write_status
from tests.fixtures import commands

COMMANDS = (
    "up status hq web agent run submit sweep jobs job logs cancel hold release retry agents results cert "
    "token"
)


def idlehands(*argv: str, home: Path, **environment: str) -> subprocess.CompletedProcess[str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("IDLEHANDS_")}
    return subprocess.run(
        [*commands.idlehands(), *argv],
        capture_output=True,
        text=True,
        timeout=60,
        env={**kept, "IDLEHANDS_HOME": str(home), **environment},
        check=False,
    )


def test_help_names_every_command(tmp_path: Path) -> None:
    done = idlehands("--help", home=tmp_path)

    assert done.returncode == 0
    listed = {line.split()[0] for line in done.stdout.splitlines() if line.startswith("  ") and line.split()}
    assert set(COMMANDS.split()) <= listed


def test_the_version_is_told(tmp_path: Path) -> None:
    done = idlehands("--version", home=tmp_path)

    assert (done.returncode, done.stdout.split()[1].rstrip(",")) == (0, metadata.version("idlehands"))


def test_help_makes_no_house(tmp_path: Path) -> None:
    done = idlehands("token", "create", "--help", home=tmp_path)

    assert done.returncode == 0
    assert done.stdout.startswith("Usage: idlehands token create")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("command", [["jobs"], ["status"], ["run", "x.py"], ["hq", "status"]])
def test_without_a_house_the_way_to_one_is_named(command: list[str], tmp_path: Path) -> None:
    done = idlehands(*command, home=tmp_path)

    assert done.returncode == (125 if command[0] == "run" else 1)
    assert done.stdout == ""
    assert done.stderr.startswith("Error: There is no house in")
    assert "idlehands up" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_house_that_is_down_is_unreachable(tmp_path: Path) -> None:
    assert idlehands("token", "create", "--role", "viewer", "--name", "tv", home=tmp_path).returncode == 0

    status = idlehands("status", "--json", home=tmp_path)
    jobs = idlehands("jobs", home=tmp_path)

    assert (status.returncode, jobs.returncode) == (3, 3)
    assert '"up":false' in status.stdout
    assert "idlehands up" in jobs.stderr
    assert "Traceback" not in jobs.stderr


def test_a_house_of_which_a_part_still_starts_is_not_ready(tmp_path: Path) -> None:
    home = open_home(tmp_path)
    urls = (home.page_url, home.rest_url, home.broker_url)
    whole = HouseStatus(True, True, str(tmp_path), *urls, mongodb="", pid=os.getpid())
    with locked(home.run / "lock", wait=False):
        write_status(home, replace(whole, ready=False))
        starting = idlehands("status", "--json", home=tmp_path)
        write_status(home, whole)
        ready = idlehands("status", home=tmp_path)

    assert (starting.returncode, ready.returncode) == (4, 0)
    assert '"up":true,"ready":false' in starting.stdout


def test_a_status_that_no_job_has_is_a_usage_error(tmp_path: Path) -> None:
    done = idlehands("jobs", "--status", "nonsense", home=tmp_path)

    assert (done.returncode, done.stdout) == (2, "")
    words = "queued, held, running, succeeded, failed, cancelled, dead and pruned"
    assert done.stderr == f"Error: --status 'nonsense' is none of {words}.\n"


def test_a_token_is_printed_alone(tmp_path: Path) -> None:
    done = idlehands("token", "create", "--role", "operator", "--name", "tv", home=tmp_path)

    assert done.returncode == 0
    assert len(done.stdout.strip()) == 43
    assert done.stdout.count("\n") == 1


def test_tokens_are_listed_without_their_secrets_and_revoked_by_name_or_id(tmp_path: Path) -> None:
    made = idlehands("token", "create", "--role", "viewer", "--name", "vera", "--days", "7", home=tmp_path)
    idlehands("token", "create", "--role", "admin", "--name", "anna", home=tmp_path)

    rows = json.loads(idlehands("token", "list", "--json", home=tmp_path).stdout)

    assert [(row["name"], row["role"], row["expires"] is None) for row in rows] == [
        ("vera", "viewer", False),
        ("anna", "admin", True),
    ]
    assert rows[0]["expires"] - rows[0]["created"] == 7 * 86_400
    assert made.stdout.strip() not in idlehands("token", "list", home=tmp_path).stdout
    assert idlehands("token", "revoke", rows[0]["id"], home=tmp_path).returncode == 0
    assert idlehands("token", "revoke", "anna", home=tmp_path).returncode == 0
    assert json.loads(idlehands("token", "list", "--json", home=tmp_path).stdout) == []


def test_somebody_is_logged_out_once(tmp_path: Path) -> None:
    idlehands("token", "create", "--role", "admin", "--name", "anna", home=tmp_path)
    idlehands("login", "--name", "vera", "--role", "viewer", home=tmp_path)

    assert idlehands("logout", "vera", home=tmp_path).returncode == 0
    assert idlehands("logout", "vera", home=tmp_path).returncode == 1


def test_a_certificate_is_what_mosquitto_takes(tmp_path: Path) -> None:
    out = tmp_path / "attic"
    done = idlehands(
        "cert", "issue", "attic-pc", "--role", "agent", "--out", str(out), home=tmp_path / "house"
    )

    assert done.returncode == 0, done.stderr
    assert {"ca.pem", "cert.pem", "key.pem", "sign.key", "seal.key", "token"} <= {
        file.name for file in out.iterdir()
    }
    assert (out / "key.pem").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize(
    ("argv", "words"),
    [
        (["cert", "issue", "X!", "--role", "agent", "--out", "o"], "cannot be a name"),
        (["cert", "issue", "x", "--role", "king", "--out", "o"], "viewer, operator and agent"),
        (["cert", "issue", "hq", "--role", "operator", "--out", "o"], "kept for the house"),
        (["token", "create", "--role", "agent", "--name", "x"], "viewer, operator and admin"),
        (["token", "create", "--role", "viewer", "--name", "x", "--days", "0"], "between 0 and 36500"),
        (["agent", "--broker", "127.0.0.1:1"], "--certificate"),
        (["sweep"], "SCRIPT with --space"),
        (["sweep", "x.py"], "--space"),
        (["sweep", "x.py", "--space", "lr=3..1"], "must not be above"),
        (["nonsense"], "No such command"),
    ],
)
def test_a_mistake_is_named_and_changes_nothing(argv: list[str], words: str, tmp_path: Path) -> None:
    done = idlehands(*argv, home=tmp_path / "house")

    assert done.returncode in (1, 2)
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_half_of_another_house_is_refused(tmp_path: Path) -> None:
    done = idlehands("jobs", home=tmp_path, IDLEHANDS_BROKER="127.0.0.1:1")

    assert done.returncode == 2
    assert "IDLEHANDS_CERTIFICATE" in done.stderr
