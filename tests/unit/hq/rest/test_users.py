"""Who uses the house, and being logged out of it."""

import time
from pathlib import Path
from typing import Any

from hq.rest.sessions import Entry, Sessions, write_entry
from hq.rest.users import end_sessions, list_users


def token(name: str, role: str, **other: Any) -> dict[str, Any]:
    return {"id": "a" * 12, "name": name, "role": role, "is_valid": True, **other}


def test_each_name_has_its_roles_browsers_links_and_tokens(tmp_path: Path) -> None:
    soon, later = time.time() + 60, time.time() + 600
    for name, role, until in (("olga", "viewer", soon), ("olga", "admin", later), ("past", "viewer", 5)):
        write_entry(tmp_path / "sessions", Entry(name, role, until))  # type: ignore[arg-type]
    write_entry(tmp_path / "logins", Entry("kitchen", "viewer", soon))
    (tmp_path / "sessions" / "broken.json").write_text("{")
    tokens = [token("olga", "operator"), token("attic", "agent"), token("gone", "viewer", is_valid=False)]

    kitchen, olga = list_users(tmp_path, tokens)

    assert kitchen == {
        "name": "kitchen", "roles": ["viewer"], "sessions": 0, "links": 1, "tokens": 0, "until": None,
    }  # fmt: skip
    assert olga == {
        "name": "olga", "roles": ["admin", "operator", "viewer"], "sessions": 2, "links": 0, "tokens": 1,
        "until": later,
    }  # fmt: skip


def test_who_is_logged_out_is_so_everywhere_and_nobody_else(tmp_path: Path) -> None:
    sessions, until = Sessions(tmp_path / "logins", tmp_path / "sessions"), time.time() + 60
    olga = write_entry(tmp_path / "sessions", Entry("olga", "admin", until))
    link = write_entry(tmp_path / "logins", Entry("olga", "viewer", until))
    kitchen = write_entry(tmp_path / "sessions", Entry("kitchen", "viewer", until))

    assert end_sessions(tmp_path, "olga") == 2

    assert sessions.find(olga) is None
    assert sessions.begin(link) is None
    assert sessions.find(kitchen) is not None
    assert end_sessions(tmp_path, "olga") == 0
    assert list_users(tmp_path / "nowhere", []) == []
