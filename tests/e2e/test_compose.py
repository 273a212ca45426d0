"""Every command line of `compose.yaml`, run: a house comes up, works, stops, and comes up again."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fixtures.broker import eventually
from tests.unit.deploy.composition import Composition, in_order

pytestmark = pytest.mark.process


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Composition]:
    with Composition(tmp_path_factory.mktemp("compose")) as composition:
        composition.up()
        yield composition


def run_script(house: Composition, line: str) -> str:
    """Run a script as a job and return what it printed."""
    script = house.folder / "script.py"
    script.write_text(line + "\n")
    done = house.once("admin", "run", str(script))
    assert done.returncode == 0, done.stderr
    return done.stdout


def lines_of(printed: str) -> list[dict[str, Any]]:
    """Return what a command printed as JSON, an object a line."""
    return [json.loads(line) for line in printed.splitlines()]


def test_every_service_becomes_healthy_and_a_job_runs_through(house: Composition) -> None:
    assert set(house.running) == {"mongo", "broker", "hq", "search", "web", "agent"}
    assert all(house.is_healthy(name) for name in house.running)

    printed = run_script(house, """print('{"answer": 42}')""")

    assert json.loads(printed) == {"answer": 42}


def test_the_page_is_behind_a_login_and_the_link_names_the_published_port(house: Composition) -> None:
    link = house.once("admin", "login").stdout.strip()

    assert link.startswith(f"http://127.0.0.1:{house.ports['8080']}/login#")
    with urllib.request.urlopen(link.partition("#")[0]) as page:  # noqa: S310
        assert page.status == 200
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"http://127.0.0.1:{house.ports['8080']}/api/v1/jobs")


def test_a_machine_elsewhere_gets_a_certificate_that_the_broker_knows(house: Composition) -> None:
    issued = house.once("admin", "cert", "issue", "attic", "--role", "agent", "--out", "/backups/attic")

    assert issued.returncode == 0, issued.stderr
    assert f"127.0.0.1:{house.ports['8883']}" in issued.stderr
    assert "user attic" in (house.folder / "house" / "broker" / "acl").read_text()


def test_a_broker_that_lets_strangers_in_keeps_hq_from_starting(house: Composition) -> None:
    file = house.folder / "house" / "broker" / "mosquitto.conf"
    rightly = file.read_text()
    house.stop("broker")
    wrongly = rightly.replace("require_certificate true", "require_certificate false")
    wrongly = wrongly.replace("allow_anonymous false", "allow_anonymous true")
    file.write_text(wrongly.replace("use_identity_as_username true\n", ""))
    house.start("broker")

    refused = house.once("closed")

    assert refused.returncode == 1
    assert "lets in a client without a certificate" in refused.stderr
    # The next start makes the configuration anew.
    house.down()
    house.up()
    assert file.read_text() == rightly


@pytest.mark.parametrize("name", ["broker", "hq"])
def test_an_unhealthy_service_is_noticed(house: Composition, name: str) -> None:
    asking = {"broker": "broker", "hq": "search"}[name]
    house.stop(name)

    assert not house.is_healthy(asking)

    house.up()
    eventually(lambda: house.is_healthy("agent"), 60)


@pytest.mark.slow
def test_a_second_start_finds_everything_in_place(house: Composition) -> None:
    job = run_script(house, """print('{"kept": 1}')""")
    kept = ("pki/ca.pem", "hq/cert.pem", "broker/cert.pem", "mongodb/keyfile", "mongodb/uri", "tokens.json")
    before = {name: (house.folder / "house" / name).read_bytes() for name in kept}
    house.down()

    house.up()

    assert {name: (house.folder / "house" / name).read_bytes() for name in kept} == before
    listed = house.once("admin", "jobs", "--json")
    assert listed.returncode == 0, listed.stderr
    assert {one["status"] for one in lines_of(listed.stdout)} == {"succeeded"}
    assert job
    assert run_script(house, """print('{"again": 2}')""")


@pytest.mark.slow
def test_a_backup_moves_into_containers_elsewhere(house: Composition, tmp_path: Path) -> None:
    run_script(house, """print('{"moved": 3}')""")
    saved = house.once("admin", "backup", "/backups/house.backup")
    assert saved.returncode == 0, saved.stderr
    with Composition(tmp_path) as elsewhere:
        elsewhere.up(until="database")
        file = house.folder / "backups" / "house.backup"

        restored = elsewhere.once("admin", "restore", str(file))

        assert restored.returncode == 0, restored.stderr
        elsewhere.up()
        ca = Path("house", "pki", "ca.pem")
        assert (tmp_path / ca).read_bytes() == (house.folder / ca).read_bytes()
        mine, theirs = (one.once("admin", "jobs", "--json").stdout for one in (elsewhere, house))
        assert [job["id"] for job in lines_of(mine)] == [job["id"] for job in lines_of(theirs)]
        assert run_script(elsewhere, """print('{"goes on": 4}')""")


def test_the_test_runs_every_service_of_the_file(house: Composition) -> None:
    assert set(in_order(house.services)) | {"admin"} == set(house.services)
