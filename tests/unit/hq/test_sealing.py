"""HQ seals the secrets of granted jobs; only the agent that got the grant opens them."""

from pathlib import Path

import pytest

from agents.sealed import SecretsOpener, SecretsUnopened
from hq.sealing import BYTES_AT_MOST, Sealer
from schemas.messages import Grant, Grants
from schemas.requests import Submit, SubmitSweep
from schemas.specs import Choice, JobSpec, ScriptRef, SweepSpec
from tests.unit.hq.core.small_house import SmallHouse, spec
from trust.keys import ensure_sealing_key, public_hex
from trust.vault import Vault

JOB = "jaaaaaaaaaaaa"


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    vault = Vault(tmp_path / "secrets")
    vault.set("TOKEN", b"hunter2-hunter2")
    vault.set("CERT", b"-----BEGIN\nabcdef\n-----END\n")
    return vault


@pytest.fixture
def keys(tmp_path: Path) -> dict[str, str]:
    """The public keys of two agents, whose private ones lie in `NAME.key`."""
    return {name: public_hex(ensure_sealing_key(tmp_path / f"{name}.key")) for name in ("attic", "den")}


def grants_for(*secrets: str, agent: str = "attic", token: int = 1) -> Grants:
    job = JobSpec(ScriptRef("0" * 64, "s.py"), secrets=secrets)
    return Grants(1, (Grant(JOB, token, agent, 1, "0" * 32, 30.0, job),))


def test_the_agent_that_was_granted_the_job_opens_its_secrets(
    vault: Vault, keys: dict[str, str], tmp_path: Path
) -> None:
    sealed = Sealer(vault, keys.__getitem__).seal_grants(grants_for("CERT", "TOKEN"))
    (grant,) = sealed.grants

    values = SecretsOpener(tmp_path / "attic.key").open(grant)

    assert values == {"CERT": b"-----BEGIN\nabcdef\n-----END\n", "TOKEN": b"hunter2-hunter2"}
    assert "hunter2" not in repr(sealed)


def test_nobody_else_does_and_not_for_another_attempt(
    vault: Vault, keys: dict[str, str], tmp_path: Path
) -> None:
    from msgspec.structs import replace

    (grant,) = Sealer(vault, keys.__getitem__).seal_grants(grants_for("TOKEN")).grants
    with pytest.raises(SecretsUnopened, match="sealed for another key"):
        SecretsOpener(tmp_path / "den.key").open(grant)
    for moved in (replace(grant, token=2), replace(grant, job="jbbbbbbbbbbbb")):
        with pytest.raises(SecretsUnopened, match="sealed for another key or purpose"):
            SecretsOpener(tmp_path / "attic.key").open(moved)
    with pytest.raises(SecretsUnopened, match="cannot be read"):
        SecretsOpener(tmp_path / "nowhere.key").open(grant)
    other = replace(grant, spec=replace(grant.spec, secrets=("CERT",)))
    with pytest.raises(SecretsUnopened, match="no value for the secret CERT"):
        SecretsOpener(tmp_path / "attic.key").open(other)


def test_grants_without_secrets_stay_as_they_are(vault: Vault, keys: dict[str, str]) -> None:
    grants = grants_for()
    assert Sealer(vault, keys.__getitem__).seal_grants(grants) is grants


@pytest.mark.parametrize(
    ("names", "agent", "why"),
    [
        (("TOKEN", "GONE"), "attic", "there is no secret GONE any more"),
        (("TOKEN",), "shed", "shed has no key for secrets: renew its certificate"),
        (("BIG1", "BIG2", "BIG3", "TOKEN"), "attic", f"at most {BYTES_AT_MOST}"),
    ],
)
def test_what_cannot_be_sealed_says_why_to_the_agent(
    vault: Vault, keys: dict[str, str], tmp_path: Path, names: tuple[str, ...], agent: str, why: str
) -> None:
    for number in (1, 2, 3):
        vault.set(f"BIG{number}", b"x" * 8192)
    sealer = Sealer(vault, lambda name: keys.get(name, ""))
    (grant,) = sealer.seal_grants(grants_for(*names, agent=agent)).grants

    assert grant.sealed == ""
    with pytest.raises(SecretsUnopened, match=why):
        SecretsOpener(tmp_path / "attic.key").open(grant)


def test_an_unusable_vault_knows_no_secrets_and_withholds_them(
    vault: Vault, keys: dict[str, str], tmp_path: Path
) -> None:
    sealer = Sealer(vault, keys.__getitem__)
    (tmp_path / "secrets" / "secrets.json").write_text("{")
    assert list(sealer.known()) == []
    assert (
        sealer.seal_grants(grants_for("TOKEN")).grants[0].withheld
        == "HQ cannot read its secrets: its log says why"
    )


# --- submitting ------------------------------------------------------------------------


@pytest.fixture
def house(vault: Vault, keys: dict[str, str]) -> SmallHouse:
    house = SmallHouse()
    house.authority.know_secrets(Sealer(vault, keys.__getitem__).known)
    return house


@pytest.mark.parametrize("sweep", [False, True])
def test_a_job_that_asks_for_an_unknown_secret_is_refused(house: SmallHouse, sweep: bool) -> None:
    job = spec(secrets=("TOKEN", "UNKNOWN", "NEITHER"))
    request = (
        SubmitSweep(sweep=SweepSpec(job, {"x": Choice((1, 2))})) if sweep else Submit(jobs=(spec(), job))
    )
    reply = house.request(request)
    assert reply.error is not None
    assert reply.error.code == "unknown_secret"
    assert reply.error.message.startswith("there is no secret NEITHER, UNKNOWN: `idlehands secret set NAME`")
    assert not house.authority.state.jobs


def test_a_job_that_asks_for_a_known_secret_is_taken_and_who_asked_is_on_record(house: SmallHouse) -> None:
    (job,) = house.submit(spec(secrets=("TOKEN",)))
    stored = house.authority.state.jobs[job]
    assert (stored.spec.secrets, stored.submitter) == (("TOKEN",), "cli")


def test_a_repeated_request_is_answered_as_before_after_its_secret_is_gone(
    house: SmallHouse, vault: Vault
) -> None:
    request = Submit(jobs=(spec(secrets=("TOKEN",)),), key="once")
    first = house.request(request)
    vault.delete("TOKEN")
    assert house.request(request).result == first.result
    assert house.request(Submit(jobs=request.jobs, key="twice")).ok is False


def test_without_secrets_in_the_house_none_is_known() -> None:
    reply = SmallHouse().request(Submit(jobs=(spec(secrets=("TOKEN",)),)))
    assert reply.error is not None
    assert reply.error.code == "unknown_secret"
