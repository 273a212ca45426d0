"""Every name that comes from outside, with every form of a path that leads out: refused, or it stays inside.

No process is started: these are the functions that such names come to.
"""

import contextlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import pytest

from agents.runner.workspace import Workspace
from agents.unpack import BundleBroken, unpack
from bus import topics
from bus.port import Refusal
from bus.router import route
from dash_app import addresses
from dash_app.script_folders import ScriptFolders
from hq.rest.policy import find_rule
from hq.rest.sessions import Sessions
from idlehands.house import archive, tokens
from idlehands.house.home import HouseError, open_home
from idlehands.house.registry import check_name
from idlehands.pairing.joined import store_admission
from idlehands.pairing.messages import Admission
from schemas.messages import Grant
from schemas.names import JobId, Name, SecretName, Sha256, SweepId
from schemas.specs import JobSpec, ScriptRef
from tests.fuzz.paths import NAMES
from trust.vault import Vault

OUTSIDE = "written from outside"


def everything(folder: Path) -> set[str]:
    """Return the names of all that lies in a folder, at any depth."""
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


def test_the_corpus_is_what_it_is_meant_to_be() -> None:
    assert len(set(NAMES)) == len(NAMES) >= 60


@pytest.mark.parametrize("kind", [JobId, SweepId, Sha256, SecretName, Name], ids=str)
def test_no_id_of_the_vocabulary_is_a_path(kind: Any) -> None:
    for name in NAMES:
        try:
            found = msgspec.convert(name, kind)
        except msgspec.ValidationError:
            continue
        assert set(found) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_"), name


def test_no_name_in_a_topic_is_a_path() -> None:
    for name in NAMES:
        for topic in (
            topics.HEARTBEAT.of(agent=name),
            topics.REQUEST.of(client=name),
            topics.GRANT.of(agent=name),
        ):
            found = route(topic, b"{}")
            assert isinstance(found, Refusal)
            if found.reason not in ("unknown_topic", "bad_name"):
                assert check_name(name) == name


def test_no_name_of_a_certificate_or_token_is_a_path(tmp_path: Path) -> None:
    home = open_home(tmp_path / "house")
    for name in NAMES:
        try:
            check_name(name)
        except HouseError:
            with pytest.raises(HouseError):
                tokens.create(home, tokens.TokenRole.VIEWER, name)
            continue
        assert name.isalnum(), name


def test_no_member_of_a_bundle_is_written_outside(tmp_path: Path) -> None:
    for number, name in enumerate(NAMES):
        folder = tmp_path / f"{number}" / "deep" / "target"
        folder.mkdir(parents=True)
        packed = folder.parent / "bundle"
        for kind in (tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE):
            packed.write_bytes(bundle_of(name, kind))
            with contextlib.suppress(BundleBroken, OSError):
                unpack(packed, folder)
        outside = {one for one in everything(tmp_path / f"{number}") if not one.startswith("deep/target/")}
        assert outside == {"deep", "deep/target", "deep/bundle"}, name
        assert not [path for path in folder.rglob("*") if path.is_symlink()], name
        assert not (folder / ".idlehands").exists(), name


def bundle_of(name: str, kind: bytes) -> bytes:
    """Return a bundle with one member, or none where tar itself has no such name."""
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz", errors="surrogateescape") as tar:
        member = tarfile.TarInfo(name)
        member.type, member.size = kind, len(OUTSIDE) if kind == tarfile.REGTYPE else 0
        member.linkname = "../../../x" if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ""
        tar.addfile(member, io.BytesIO(OUTSIDE.encode()))
    return packed.getvalue()


def test_no_entry_of_a_script_is_looked_for_outside(tmp_path: Path) -> None:
    spec = JobSpec(ScriptRef("0" * 64, "train.py"))
    workspace = Workspace(tmp_path / "home", Grant("j" + "a" * 12, 1, "attic", 1, "0" * 32, 30.0, spec))
    workspace.make()
    (tmp_path / "x").write_text(OUTSIDE)
    (workspace.folder.parent / "x").write_text(OUTSIDE)

    for name in NAMES:
        found = workspace.find_script(name)
        assert not isinstance(found, Path), name


def test_no_file_of_an_admission_is_written_outside(tmp_path: Path) -> None:
    for number, name in enumerate((*NAMES, "cert.pem", "key.pem", "joined.json", "sign.key", "token")):
        folder = tmp_path / f"{number}" / "joined"
        folder.parent.mkdir()
        admission = Admission("attic", "agent", "cert", "ca", "127.0.0.1:1", "token", files={name: OUTSIDE})
        with pytest.raises(HouseError):
            store_admission(folder, admission)
        assert everything(folder.parent) == set(), name


def test_no_code_of_a_login_and_no_secret_of_a_session_is_a_path(tmp_path: Path) -> None:
    sessions = Sessions(tmp_path / "logins", tmp_path / "sessions")
    entry = b'{"name": "x", "role": "admin", "expires": 4e9}'
    (tmp_path / "logins").mkdir()
    for file in ("x", "x.json", "logins/x", "logins/x.json"):
        (tmp_path / file).write_bytes(entry)

    for name in (*NAMES, "x", "x.json", "../x", str(tmp_path / "x")):
        assert sessions.begin(name) is None
        assert sessions.find(name) is None
        sessions.end(name)
    assert everything(tmp_path) == {"logins", "x", "x.json", "logins/x", "logins/x.json"}


def test_no_name_of_a_script_of_the_page_is_joined_to_a_folder(tmp_path: Path) -> None:
    (tmp_path / "scripts").mkdir()
    (tmp_path / "x").write_text(OUTSIDE)
    (tmp_path / "x.py").write_text(OUTSIDE)
    folders = ScriptFolders([tmp_path / "scripts"])

    for name in (*NAMES, "../x.py", str(tmp_path / "x.py"), "x.py"):
        assert folders.find(name) is None


def test_no_name_of_a_secret_becomes_a_file_of_the_vault(tmp_path: Path) -> None:
    vault = Vault(tmp_path / "vault")

    for name in NAMES:
        vault.set(name, b"a long enough value")

    assert everything(tmp_path) <= {"vault", "vault/key", "vault/secrets.json", "vault/lock"}


def test_no_member_of_a_backup_is_a_path() -> None:
    for name in NAMES:
        if archive.is_member(name):
            assert not {"", ".", ".."} & set(name.split("/"))
            assert not set("\\:\0") & set(name)


@pytest.mark.parametrize("prefix", ["/api/v1/jobs/", "/api/v1/blobs/", "/jobs/", "/login/", "/api/v1/"])
def test_no_path_is_of_another_rule_than_it_seems(prefix: str) -> None:
    for name in NAMES:
        rule = find_rule(prefix + name)
        if rule is not None:
            assert rule.path.startswith(prefix.rstrip("/")), (name, rule)


@pytest.mark.parametrize("make", [addresses.of_job, addresses.of_sweep])
def test_no_address_of_the_page_is_of_something_else(make: Callable[[str], str]) -> None:
    for name in NAMES:
        assert addresses.parse(make(name), None).identity == "", name
