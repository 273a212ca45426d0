"""REST tokens and their file."""

import hashlib
import stat
import threading
import time
from pathlib import Path

import msgspec
import pytest

from hq.rest.tokens import TokenFile
from idlehands.house import tokens
from idlehands.house.home import Home, HouseError, open_home
from idlehands.house.registry import InvalidName
from idlehands.house.tokens import TokenRole


@pytest.fixture
def home(tmp_path: Path) -> Home:
    return open_home(tmp_path / "house")


def test_a_token_has_256_bits_and_only_its_hash_is_kept(home: Home) -> None:
    token = tokens.create(home, TokenRole.OPERATOR, "anna")

    (entry,) = msgspec.json.decode(home.tokens_file.read_bytes())
    assert len(token) == 43
    assert entry["sha256"] == hashlib.sha256(token.encode()).hexdigest()
    assert (entry["name"], entry["role"]) == ("anna", "operator")
    assert token not in home.tokens_file.read_text()
    assert stat.S_IMODE(home.tokens_file.stat().st_mode) == 0o600


def test_the_server_finds_whom_a_token_was_made_for(home: Home) -> None:
    token = tokens.create(home, TokenRole.VIEWER, "vera")

    found = TokenFile(home.tokens_file).find(f"Bearer {token}")

    assert found is not None
    assert (found.name, found.role) == ("vera", "viewer")


def test_tokens_made_at_the_same_time_are_all_kept(home: Home) -> None:
    threads = [
        threading.Thread(target=tokens.create, args=(home, TokenRole.VIEWER, f"v{number}"))
        for number in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert {entry.name for entry in tokens.read_tokens(home.tokens_file)} == {f"v{n}" for n in range(8)}


def test_a_token_file_is_written_once(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "token"
    tokens.ensure(home, TokenRole.AGENT, "attic", file)
    first = file.read_text()

    tokens.ensure(home, TokenRole.AGENT, "attic", file)

    assert file.read_text() == first
    assert len(tokens.read_tokens(home.tokens_file)) == 1


def test_a_token_that_is_no_longer_valid_is_replaced(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "token"
    tokens.ensure(home, TokenRole.AGENT, "attic", file)
    first = file.read_text()
    home.tokens_file.unlink()

    tokens.ensure(home, TokenRole.AGENT, "attic", file)

    assert file.read_text() != first


def test_a_name_that_is_none_is_refused(home: Home) -> None:
    with pytest.raises(InvalidName):
        tokens.create(home, TokenRole.ADMIN, "../anna")


def test_a_broken_file_is_refused_and_kept(home: Home) -> None:
    home.tokens_file.write_text("[{")

    with pytest.raises(HouseError, match="cannot be understood"):
        tokens.create(home, TokenRole.ADMIN, "anna")

    assert home.tokens_file.read_text() == "[{"


def test_a_token_opens_nothing_after_its_days(home: Home, monkeypatch: pytest.MonkeyPatch) -> None:
    token = tokens.create(home, TokenRole.VIEWER, "vera", days=2)
    file, began = TokenFile(home.tokens_file), time.time()
    assert file.find(f"Bearer {token}") is not None

    for later, works in ((2 * 86_400 - 60, True), (2 * 86_400 + 1, False)):
        monkeypatch.setattr(time, "time", lambda later=later: began + later)
        assert (file.find(f"Bearer {token}") is not None) is works


def test_a_token_in_a_file_that_has_expired_is_replaced(home: Home, tmp_path: Path) -> None:
    file = tmp_path / "token"
    first = tokens.create(home, TokenRole.AGENT, "attic", days=-1)
    file.write_text(first + "\n")

    tokens.ensure(home, TokenRole.AGENT, "attic", file)

    assert file.read_text().strip() != first


def test_tokens_are_revoked_by_name_or_one_by_its_id(home: Home) -> None:
    kept, gone, other = (
        tokens.create(home, TokenRole.VIEWER, "vera"),
        tokens.create(home, TokenRole.VIEWER, "vera"),
        tokens.create(home, TokenRole.OPERATOR, "olga"),
    )
    file = TokenFile(home.tokens_file)

    assert [one.name for one in tokens.revoke(home, tokens.hash_of(gone)[:12])] == ["vera"]
    assert [file.find(f"Bearer {token}") is not None for token in (kept, gone, other)] == [True, False, True]
    tokens.revoke(home, "vera")
    assert [file.find(f"Bearer {token}") is not None for token in (kept, gone, other)] == [False, False, True]


def test_what_no_token_has_cannot_be_revoked(home: Home) -> None:
    tokens.create(home, TokenRole.VIEWER, "vera")

    with pytest.raises(HouseError, match="token list"):
        tokens.revoke(home, "verena")


def test_tokens_of_an_older_house_never_expire(home: Home) -> None:
    entry = {"name": "anna", "role": "admin", "sha256": "0" * 64, "created": 1}
    home.tokens_file.write_bytes(msgspec.json.encode([entry]))

    assert [one.is_valid(time.time()) for one in tokens.read_tokens(home.tokens_file)] == [True]
