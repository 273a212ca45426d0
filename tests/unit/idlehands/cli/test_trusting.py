"""`sign` and `trust` without a house: keys, references, and an agent's list."""

import json
from pathlib import Path
from typing import Any

import pytest

from idlehands.__main__ import run as in_process
from idlehands.bundle import build_bundle
from idlehands.calls.trusting import read_trusted
from idlehands.house.trusting import read_trust_list, write_trust_list
from schemas.trust import TrustedAuthor, TrustList
from tests.unit.idlehands.cli.test_command_line import idlehands
from trust.keys import key_id
from trust.scripts import read_statement

HOUSE = TrustedAuthor("house", "a" * 64)


@pytest.fixture
def script(tmp_path: Path) -> Path:
    file = tmp_path / "train.py"
    file.write_text("print('{}')\n")
    return file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The certificate's folder of an agent elsewhere."""
    made = tmp_path / "attic"
    made.mkdir()
    write_trust_list(made, TrustList(("b" * 64,), (HOUSE,)))
    return made


def trust(folder: Path, *words: str) -> int:
    """Run `trust ... --certificate folder` and return its exit code."""
    return idlehands("trust", *words, "--certificate", str(folder), home=folder.parent).returncode


def test_an_author_makes_a_key_and_signs_away_from_any_house(tmp_path: Path, script: Path) -> None:
    key = tmp_path / "olga.key"
    made = idlehands("sign", "--init", "--author-key", str(key), home=tmp_path)
    public = made.stdout.strip()

    done = idlehands(
        *("sign", str(script), "--author-key", str(key), "--bundle", str(tmp_path / "b.tgz")), home=tmp_path
    )

    reference: dict[str, Any] = json.loads(done.stdout)
    bundle = build_bundle(script)
    assert (reference["bundle"], reference["entry"], reference["name"]) == (
        bundle.sha256,
        "train.py",
        "train",
    )
    assert (tmp_path / "b.tgz").read_bytes() == bundle.content
    signature = reference["signature"]
    assert signature["key"] == key_id(public)
    said = read_statement(public, signature["statement"], signature["signature"])
    assert (said.bundle, said.entry, said.author) == (bundle.sha256, "train.py", "olga")
    assert key.stat().st_mode & 0o777 == 0o600
    assert f"trust author add olga {public}" in made.stderr


def test_making_a_key_twice_keeps_the_first(tmp_path: Path) -> None:
    words = ("sign", "--init", "--author-key", str(tmp_path / "olga.key"))

    assert idlehands(*words, home=tmp_path).stdout == idlehands(*words, home=tmp_path).stdout


def test_signing_without_a_key_says_how_to_get_one(tmp_path: Path, script: Path) -> None:
    without = idlehands("sign", str(script), home=tmp_path)
    missing = idlehands("sign", str(script), "--author-key", str(tmp_path / "no.key"), home=tmp_path)

    assert without.returncode == 2
    assert "--author-key" in without.stderr
    assert missing.returncode == 1
    assert "cannot be read" in missing.stderr


def test_authors_come_and_go(folder: Path) -> None:
    assert trust(folder, "author", "add", "olga", "c" * 64) == 0
    assert read_trust_list(folder).authors == (HOUSE, TrustedAuthor("olga", "c" * 64))
    assert trust(folder, "author", "add", "olga", "d" * 64) == 1  # a name is one key's
    assert trust(folder, "author", "add", "eve", "no key") == 2
    assert trust(folder, "author", "remove", "house") == 0
    assert trust(folder, "author", "remove", "house") == 1
    assert read_trust_list(folder).authors == (TrustedAuthor("olga", "c" * 64),)


def test_scripts_are_allowed_and_denied_by_their_contents(folder: Path, script: Path) -> None:
    bundle = build_bundle(script).sha256

    assert trust(folder, "mode", "listed") == 0
    assert trust(folder, "allow", str(script)) == 0
    assert trust(folder, "deny", str(script)) == 0
    assert trust(folder, "deny", "house") == 0
    assert trust(folder, "deny", "nobody") == 2
    rules = read_trust_list(folder)
    assert (rules.scripts, rules.allowed, rules.denied) == ("listed", (bundle,), (bundle, HOUSE.key))

    assert trust(folder, "deny", str(script), "--remove") == 0
    assert trust(folder, "deny", str(script), "--remove") == 1
    assert read_trust_list(folder).denied == (HOUSE.key,)


def test_the_keys_of_hq_can_be_changed_before_hq_changes(folder: Path) -> None:
    assert trust(folder, "hq", "add", "e" * 64) == 0
    assert trust(folder, "hq", "remove", "b" * 64) == 0

    assert read_trust_list(folder).hq == ("e" * 64,)
    shown = idlehands("trust", "list", "--json", "--certificate", str(folder), home=folder.parent)
    (row,) = json.loads(shown.stdout)
    assert (row["hq"], row["authors"][0]["name"]) == (["e" * 64], "house")


def test_a_machine_without_an_agent_is_told_so(tmp_path: Path) -> None:
    done = idlehands("trust", "list", home=tmp_path)

    assert done.returncode == 1
    assert "Error:" in done.stderr


def test_a_machine_is_trusted_with_its_results_until_it_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "me"
    mine.mkdir()
    (mine / "cert.pem").write_text("")
    monkeypatch.setenv("IDLEHANDS_HOME", str(tmp_path))
    monkeypatch.setenv("IDLEHANDS_BROKER", "127.0.0.1:1")
    monkeypatch.setenv("IDLEHANDS_CERTIFICATE", str(mine))

    def run(*words: str) -> tuple[int, str]:
        code = in_process(["trust", "agent", *words])
        said = capsys.readouterr()
        return code, said.err if code else said.out

    assert run("add", "attic-pc")[0] == 0
    assert read_trusted(mine) == ("attic-pc",)
    assert json.loads(run("list", "--json")[1]) == [{"agent": "attic-pc", "why": "added here"}]
    assert json.loads(run("remove", "attic-pc", "--json")[1]) == {"agent": "attic-pc", "trusted": False}
    assert read_trusted(mine) == ()
    assert "trust agent list" in run("remove", "attic-pc")[1]
    assert "cannot be a name" in run("add", "../x")[1]
