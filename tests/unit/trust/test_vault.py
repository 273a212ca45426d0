"""The house's secrets on disk: encrypted, private, changed by several processes."""

import json
import os
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from trust.vault import LONGEST, SHORTEST, BadSecret, UnknownSecret, Vault, VaultUnusable

VALUE = b"correct horse battery staple"


@pytest.fixture
def vault(tmp_path: Path) -> Vault:
    return Vault(tmp_path / "secrets")


def test_what_was_set_is_read_again_by_another(vault: Vault, tmp_path: Path) -> None:
    other = Vault(tmp_path / "secrets")
    assert dict(other.names()) == {}
    vault.set("WANDB_API_KEY", VALUE)
    vault.set("token", b"\x00\xff\n" * 9)

    assert list(other.names()) == ["WANDB_API_KEY", "token"]
    assert other.read(["token", "WANDB_API_KEY"]) == {"token": b"\x00\xff\n" * 9, "WANDB_API_KEY": VALUE}

    vault.set("token", b"another")
    assert other.read(["token"]) == {"token": b"another"}
    vault.delete("token")
    assert list(other.names()) == ["WANDB_API_KEY"]


def test_nothing_on_disk_tells_a_value(vault: Vault, tmp_path: Path) -> None:
    vault.set("NAME", VALUE)
    vault.set("NAME", VALUE)
    files = sorted(tmp_path.rglob("*"))
    assert [file.name for file in files] == ["secrets", "key", "lock", "secrets.json"]
    assert all(VALUE not in file.read_bytes() for file in files[1:])
    assert {stat.S_IMODE(file.stat().st_mode) & 0o077 for file in (files[0], files[1], files[3])} == {0}


def test_equal_values_look_different(vault: Vault, tmp_path: Path) -> None:
    vault.set("A", VALUE)
    vault.set("B", VALUE)
    boxes = [
        entry["box"] for entry in json.loads((tmp_path / "secrets" / "secrets.json").read_text()).values()
    ]
    assert len(set(boxes)) == 2


@pytest.mark.parametrize("size", [0, SHORTEST - 1, LONGEST + 1])
def test_a_value_that_cannot_be_hidden_or_sent_is_refused(vault: Vault, size: int) -> None:
    with pytest.raises(BadSecret, match=f"this one has {size}"):
        vault.set("NAME", b"x" * size)
    assert dict(vault.names()) == {}


@pytest.mark.parametrize("size", [SHORTEST, LONGEST])
def test_a_value_of_the_limits_is_kept(vault: Vault, size: int) -> None:
    vault.set("NAME", b"x" * size)
    assert vault.read(["NAME"]) == {"NAME": b"x" * size}


def test_an_unknown_name_is_said(vault: Vault) -> None:
    vault.set("NAME", VALUE)
    with pytest.raises(UnknownSecret, match="OTHER"):
        vault.read(["NAME", "OTHER"])
    with pytest.raises(UnknownSecret, match="OTHER"):
        vault.delete("OTHER")


def test_boxes_cannot_be_exchanged(vault: Vault, tmp_path: Path) -> None:
    vault.set("PUBLIC_TOKEN", b"harmless")
    vault.set("DEPLOY_KEY", VALUE)
    file = tmp_path / "secrets" / "secrets.json"
    entries = json.loads(file.read_text())
    entries["PUBLIC_TOKEN"] = entries["DEPLOY_KEY"]
    file.write_text(json.dumps(entries))
    with pytest.raises(VaultUnusable, match="Set it anew"):
        vault.read(["PUBLIC_TOKEN"])


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b'{"a": 1}', b"\xff"])
def test_a_broken_file_is_named(vault: Vault, tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets" / "secrets.json").write_bytes(content)
    with pytest.raises(VaultUnusable, match=r"secrets\.json cannot be read"):
        vault.names()


@pytest.mark.parametrize("key", [None, b"short", os.urandom(32)])
def test_another_key_opens_nothing(vault: Vault, tmp_path: Path, key: bytes | None) -> None:
    vault.set("NAME", VALUE)
    file = tmp_path / "secrets" / "key"
    file.unlink()
    if key is not None:
        file.write_bytes(key)
    with pytest.raises(VaultUnusable):
        vault.read(["NAME"])


def test_processes_that_set_at_once_lose_nothing(vault: Vault, tmp_path: Path) -> None:
    code = (
        "import sys\nfrom pathlib import Path\nfrom trust.vault import Vault\n"
        "vault = Vault(Path(sys.argv[1]))\nfor n in range(10): vault.set(f'N{sys.argv[2]}_{n}', b'value')"
    )
    folder = str(tmp_path / "secrets")
    running = [subprocess.Popen([sys.executable, "-c", code, folder, str(one)]) for one in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert set(vault.read(vault.names()).values()) == {b"value"}
    assert len(vault.names()) == 30
