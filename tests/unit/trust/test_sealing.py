"""A sealed box opens for its owner and its purpose, whole or not at all."""

import base64

import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey

from trust.keys import public_hex
from trust.sealing import SealBroken, seal, unseal

KEY = X25519PrivateKey.generate()
SECRET = "p\u00e4ssword \N{SNOWMAN}".encode()


@pytest.mark.parametrize("content", [b"", SECRET, bytes(100_000)])
def test_the_owner_reads_what_was_sealed(content: bytes) -> None:
    assert unseal(KEY, seal(public_hex(KEY), content, "job a"), "job a") == content


def test_two_boxes_of_one_secret_look_different() -> None:
    assert seal(public_hex(KEY), SECRET, "a") != seal(public_hex(KEY), SECRET, "a")


def test_nobody_else_and_for_no_other_purpose() -> None:
    box = seal(public_hex(KEY), SECRET, "job a")

    with pytest.raises(SealBroken):
        unseal(X25519PrivateKey.generate(), box, "job a")
    with pytest.raises(SealBroken):
        unseal(KEY, box, "job b")


def test_a_box_that_was_changed_anywhere_does_not_open() -> None:
    raw = base64.b64decode(seal(public_hex(KEY), SECRET, "a"))
    for place in range(len(raw)):
        changed = bytearray(raw)
        changed[place] ^= 1
        with pytest.raises(SealBroken):
            unseal(KEY, base64.b64encode(changed).decode(), "a")


@pytest.mark.parametrize("box", ["", "no base64!", "AAAA", base64.b64encode(bytes(48)).decode()])
def test_what_is_no_box_is_refused(box: str) -> None:
    with pytest.raises(SealBroken):
        unseal(KEY, box, "a")
