"""The broker's configuration and rules as text. tests/e2e/test_broker_identity.py shows what they do."""

from pathlib import Path

import pytest

from idlehands.house.broker import build_acl, build_configuration, running_broker
from idlehands.house.home import Home, Ports, Settings, open_home
from idlehands.house.registry import Issued, Role

HOME = Home(Path("/house"), Settings(Ports(8883, 27017, 8080), "attic"))


def issued(*entries: tuple[str, Role]) -> dict[str, Issued]:
    return {name: Issued(name, role, "1", 0) for name, role in entries}


def sections(acl: str) -> dict[str, list[str]]:
    """Return the rules by user; a rule before the first user is under an empty name."""
    found: dict[str, list[str]] = {}
    user = ""
    for line in acl.splitlines():
        if line.startswith("user "):
            user = line.removeprefix("user ")
            found[user] = []
        elif line.startswith("topic "):
            found.setdefault(user, []).append(line.removeprefix("topic "))
    return found


@pytest.mark.parametrize(
    "line",
    [
        "require_certificate true",
        "use_identity_as_username true",
        "tls_version tlsv1.3",
        "allow_anonymous false",
        "persistence false",
        "max_packet_size 300000",
        "max_keepalive 60",
        "set_tcp_nodelay true",
        "acl_file /house/broker/acl",
        "crlfile /house/broker/crl.pem",
    ],
)
def test_the_broker_is_closed_and_keeps_nothing(line: str) -> None:
    assert line in build_configuration(HOME).splitlines()


def test_there_is_one_listener() -> None:
    listeners = [line for line in build_configuration(HOME).splitlines() if line.startswith("listener")]

    assert listeners == ["listener 8883 127.0.0.1"]


@pytest.mark.parametrize("entries", [(), (("attic", Role.AGENT), ("hq", Role.SERVICE))])
def test_no_rule_holds_for_everybody_and_the_file_is_never_empty(
    entries: tuple[tuple[str, Role], ...],
) -> None:
    acl = build_acl(issued(*entries))

    assert "" not in sections(acl)
    assert "pattern" not in acl
    assert sections(acl)


def test_each_certificate_has_its_own_section() -> None:
    acl = build_acl(issued(("attic", Role.AGENT), ("cellar", Role.AGENT), ("broker", Role.BROKER)))

    # `self-check` is who the house says to be when it attacks itself.
    assert set(sections(acl)) == {"-nobody", "attic", "cellar", "self-check"}
    assert sections(acl)["-nobody"] == []
    assert all("cellar" not in rule for rule in sections(acl)["attic"])


def test_a_viewer_writes_nothing() -> None:
    rules = sections(build_acl(issued(("vera", Role.VIEWER))))["vera"]

    assert rules
    assert all(rule.startswith("read ") for rule in rules)


def test_only_hq_writes_outside_its_own_topics() -> None:
    everybody = issued(
        ("hq", Role.SERVICE), ("web", Role.SERVICE), ("search", Role.SERVICE), ("cli", Role.OPERATOR)
    )

    rules = sections(build_acl(everybody))

    assert rules["hq"] == ["readwrite idlehands/v1/#", "write homeassistant/#"]
    for name in ("web", "search", "cli"):
        writes = [rule for rule in rules[name] if not rule.startswith("read ")]
        # Home automation is an operator: what its devices say, agents make conditions of.
        # It says as well whether it is there.
        devices = ["readwrite home/#", "write homeassistant/status"] if name == "cli" else []
        # What the house tells people, it may tell their devices.
        devices += ["write home/#"] if name == "web" else []
        assert writes == [f"write idlehands/v1/client/{name}/up/#", *devices]


@pytest.mark.parametrize("content", ["", "garbage", "1", "4194304"])
def test_a_stale_process_id_is_not_taken_for_the_broker(tmp_path: Path, content: str) -> None:
    home = open_home(tmp_path)
    (home.broker / "pid").write_text(content)

    assert running_broker(home) is None
