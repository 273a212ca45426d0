"""`compose.yaml` as a text: valid, hardened, and each service sees only what is its own."""

import subprocess
import sys
from typing import Any

import pytest

from idlehands.house import mongod
from idlehands.house.by_address import words_at
from tests.unit.deploy.composition import FILE, in_order, mounts_of, paths_in, read_compose, words_of

COMPOSE = read_compose()
SERVICES: dict[str, Any] = COMPOSE["services"]
ONCE = {"keys", "database", "setup", "closed", "admin"}


def test_the_file_fits_the_schema_of_the_compose_specification() -> None:
    """The schema is the Compose project's own, as check-jsonschema brings it."""
    checked = subprocess.run(
        [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert checked.returncode == 0, checked.stdout


def test_services_start_in_the_order_that_the_file_promises() -> None:
    assert in_order(SERVICES)[:6] == ["keys", "mongo", "database", "setup", "broker", "closed"]
    assert set(in_order(SERVICES)) == set(SERVICES) - {"admin"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_is_hardened(name: str) -> None:
    service = SERVICES[name]

    assert service["user"] == "999:999"
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert "privileged" not in service
    assert service["mem_limit"]
    assert service["pids_limit"] > 0


@pytest.mark.parametrize("name", sorted(set(SERVICES) - ONCE))
def test_what_runs_always_is_looked_at_and_started_again(name: str) -> None:
    assert SERVICES[name]["restart"] == "unless-stopped"
    assert SERVICES[name]["healthcheck"]["test"][0] == "CMD"


def test_images_are_pinned_or_built_here() -> None:
    for service in SERVICES.values():
        image, _, tag = service["image"].rpartition(":")
        assert image
        assert tag == "local" if "build" in service else tag[0].isdigit()


def test_nothing_in_the_file_is_a_password() -> None:
    text = FILE.read_text().lower()

    for service in SERVICES.values():
        assert not [key for key in service.get("environment", {}) if "PASS" in key or "SECRET" in key]
    assert "mongodb://" not in text
    assert "initdb" not in text


def test_only_broker_and_page_are_published_and_only_on_this_machine_unless_told() -> None:
    published = {name: service["ports"] for name, service in SERVICES.items() if "ports" in service}

    assert published == {"broker": ["127.0.0.1:8883:8883"], "web": ["127.0.0.1:8080:8080"]}
    told = read_compose({"IDLEHANDS_ADDRESS": "192.168.1.10"})["services"]
    assert told["web"]["ports"] == ["192.168.1.10:8080:8080"]
    assert "--rest=SCHEME://192.168.1.10:8080" in words_of(told["hq"])


def test_the_database_is_reached_by_hq_and_page_alone() -> None:
    reaching = {name for name, service in SERVICES.items() if "database" in service.get("networks", ())}

    assert reaching == {"mongo", "hq", "web", "admin"}
    assert COMPOSE["networks"]["database"]["internal"] is True
    assert SERVICES["database"]["network_mode"] == "service:mongo"


@pytest.mark.parametrize("name", SERVICES)
def test_a_service_mounts_every_folder_that_it_names_and_volumes_are_declared(name: str) -> None:
    mounts = mounts_of(SERVICES[name])

    for path in paths_in(SERVICES[name]):
        assert any(f"{path}/".startswith(f"{mount}/") for mount in mounts) or path == "/house", path
    for volume, _ in mounts.values():
        assert volume in COMPOSE["volumes"] or volume.startswith("./")


def test_the_key_of_the_ca_is_seen_by_nothing_that_runs_always() -> None:
    holders = {name for name, service in SERVICES.items() if "/house/pki" in mounts_of(service)}

    assert holders == {"setup", "closed", "admin"}


def test_an_agent_sees_its_certificate_and_its_folder_and_nothing_else() -> None:
    assert set(mounts_of(SERVICES["agent"])) == {"/house/agents", "/var/lib/idlehands"}


@pytest.mark.parametrize("name", ["broker", "hq", "search", "web", "mongo", "agent"])
def test_no_service_can_change_its_own_certificate_or_key(name: str) -> None:
    written = {path for path, (_, writable) in mounts_of(SERVICES[name]).items() if writable}

    assert written <= {"/house", "/data/db", "/var/lib/idlehands"}
    assert ("/house" in written) == (name == "web")


def test_the_database_runs_with_the_settings_of_a_house_of_its_own(tmp_path: Any) -> None:
    """What `mongod.prepare` gives a database on this machine, the one in a container has too."""
    own = mongod.prepare(tmp_path, 27017).argv[1:]
    composed = [part for word in words_of(SERVICES["mongo"])[1:] for part in word.split("=", 1)]
    elsewhere = {"--logpath", "--logappend", "--bind_ip", "--dbpath", "--keyFile"}

    flags = {word for word in own if word.startswith("--")} - elsewhere
    assert flags <= set(composed)
    for flag in ("--replSet", "--oplogSize", "--networkMessageCompressors", "--wiredTigerCacheSizeGB"):
        assert composed[composed.index(flag) + 1] == own[own.index(flag) + 1]


@pytest.mark.parametrize(
    ("address", "scheme"),
    [
        ("127.0.0.1", "http"),
        ("::1", "http"),
        ("localhost", "http"),
        ("192.168.1.10", "https"),
        ("hq", "https"),
    ],
)
@pytest.mark.parametrize("name", ["hq", "web", "agent"])
def test_where_others_reach_it_rest_is_https(name: str, address: str, scheme: str) -> None:
    service = read_compose({"IDLEHANDS_ADDRESS": address})["services"][name]
    runs = [words_of(service), service["healthcheck"]["test"][1:]]
    words = [word for run in runs if "idlehands.house.by_address" in run for word in words_at(*_split(run))]

    assert any(f"{scheme}://" in word for word in words)
    assert not any("SCHEME" in word or word.startswith("https:-") for word in words)
    only_https = [word for word in words if word.startswith(("--tls-", "--https", "--ca="))]
    assert bool(only_https) == (scheme == "https" and name != "hq")


def _split(run: list[str]) -> tuple[str, list[str]]:
    at = run.index("idlehands.house.by_address")
    return run[at + 1], run[at + 2 :]
