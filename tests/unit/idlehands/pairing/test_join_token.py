"""The join token: what a person may do to it, and what it tells apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from idlehands.pairing.fingerprint import words_of
from idlehands.pairing.join_token import JoinToken, TokenMistyped
from idlehands.pairing.words import WORDS

TOKEN = JoinToken.make(b"a certificate")


def test_a_token_is_read_as_it_was_printed() -> None:
    assert JoinToken.parse(str(TOKEN)) == TOKEN


@pytest.mark.parametrize(
    "change", [str.upper, lambda text: text.replace("-", " "), lambda text: f" {text}\n"]
)
def test_case_and_blanks_do_not_matter(change: object) -> None:
    assert callable(change)
    assert JoinToken.parse(change(str(TOKEN))) == TOKEN


@given(at=st.integers(0, 47), letter=st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_any_one_wrong_letter_is_found_before_anything_is_sent(at: int, letter: str) -> None:
    letters = str(TOKEN).replace("-", "")
    wrong = letters[:at] + letter + letters[at + 1 :]

    if wrong != letters:
        with pytest.raises(TokenMistyped):
            JoinToken.parse(wrong)


@given(st.text(max_size=80))
def test_any_other_text_is_no_token(text: str) -> None:
    with pytest.raises(TokenMistyped):
        JoinToken.parse(text)


def test_a_token_knows_its_house() -> None:
    assert TOKEN.is_of(b"a certificate")
    assert not TOKEN.is_of(b"another certificate")


def test_the_secret_is_not_in_the_text_that_errors_show() -> None:
    assert TOKEN.secret.hex() not in repr(TOKEN)
    assert repr(TOKEN.secret) not in repr(TOKEN)


def test_two_tokens_of_a_house_have_different_secrets() -> None:
    assert JoinToken.make(b"a certificate").secret != TOKEN.secret


def test_fingerprints_have_four_words_of_a_list_of_256_that_differ() -> None:
    assert len(set(WORDS)) == 256
    first, second = words_of(b"one key"), words_of(b"another key")
    assert first != second
    assert len(first.split()) == 4
    assert set(first.split()) <= set(WORDS)
