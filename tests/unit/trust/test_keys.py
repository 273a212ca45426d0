"""Key files: private, made once, refused in words."""

from pathlib import Path

import pytest

from trust.keys import (
    KeyUnusable,
    ensure_sealing_key,
    ensure_signing_key,
    key_id,
    load_sealing_key,
    load_signing_key,
    public_hex,
)


def test_a_key_is_made_once_and_read_again(tmp_path: Path) -> None:
    file = tmp_path / "sign.key"

    first = ensure_signing_key(file)

    assert public_hex(ensure_signing_key(file)) == public_hex(first) == public_hex(load_signing_key(file))
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["sign.key"]


def test_signing_and_sealing_keys_are_not_mistaken_for_each_other(tmp_path: Path) -> None:
    ensure_signing_key(tmp_path / "sign.key")
    ensure_sealing_key(tmp_path / "seal.key")

    with pytest.raises(KeyUnusable, match="no X25519 key"):
        load_sealing_key(tmp_path / "sign.key")
    with pytest.raises(KeyUnusable, match="no Ed25519 key"):
        ensure_signing_key(tmp_path / "seal.key")


def test_a_missing_or_broken_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "broken").write_text("nothing")

    with pytest.raises(KeyUnusable, match=r"missing cannot be read: No such file"):
        load_signing_key(tmp_path / "missing")
    with pytest.raises(KeyUnusable, match="broken holds no private key"):
        load_signing_key(tmp_path / "broken")
    with pytest.raises(KeyUnusable, match="cannot be written"):
        ensure_signing_key(tmp_path / "broken" / "key")


def test_an_id_is_the_digest_of_the_public_bytes() -> None:
    assert key_id("00" * 32) == "66687aadf862bd776c8fc18b8e9f8e20089714856ee233b3902a591d0d5f2925"
    for wrong in ("00" * 31, "zz" * 32, ""):
        with pytest.raises(ValueError):
            key_id(wrong)
