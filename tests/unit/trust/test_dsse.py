"""A signature holds for one key, one type and these bytes."""

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from trust.dsse import encode_for_signing, sign, verify
from trust.keys import public_hex

BODY = b'{"job":"a"}'


def test_the_encoding_is_that_of_the_dsse_specification() -> None:
    # The example in the specification's protocol.md.
    assert (
        encode_for_signing("http://example.com/HelloWorld", b"hello world")
        == b"DSSEv1 29 http://example.com/HelloWorld 11 hello world"
    )


def test_what_was_signed_is_verified() -> None:
    key = Ed25519PrivateKey.generate()

    assert verify(public_hex(key), "a grant", BODY, sign(key, "a grant", BODY))


def test_another_key_type_or_body_is_refused() -> None:
    key = Ed25519PrivateKey.generate()
    signature = sign(key, "a grant", BODY)

    assert not verify(public_hex(Ed25519PrivateKey.generate()), "a grant", BODY, signature)
    assert not verify(public_hex(key), "a result", BODY, signature)
    assert not verify(public_hex(key), "a grant", BODY + b" ", signature)


@pytest.mark.parametrize("signature", ["", "no base64!", "AAAA", "\u00e9" * 88, "A" * 88])
def test_what_is_no_signature_is_refused_without_an_error(signature: str) -> None:
    assert not verify(public_hex(Ed25519PrivateKey.generate()), "a grant", BODY, signature)


@pytest.mark.parametrize("public", ["", "xyz", "00", "0" * 64, "f" * 64])
def test_what_is_no_key_verifies_nothing(public: str) -> None:
    signature = sign(Ed25519PrivateKey.generate(), "a grant", BODY)

    assert not verify(public, "a grant", BODY, signature)
