"""Who may read Optuna's page."""

import sys
from pathlib import Path
from typing import Any

import pytest

from hq.dashboard.__main__ import main
from hq.dashboard.door import only_reading


def _ask(host: str, method: str = "GET") -> tuple[str, bytes]:
    said: list[str] = []

    def start(status: str, headers: Any) -> None:
        said.append(status)

    def page(environ: dict[str, Any], start_response: Any) -> list[bytes]:
        start_response("200 OK", [])
        return [b"studies"]

    body = b"".join(only_reading(page, 8080)({"HTTP_HOST": host, "REQUEST_METHOD": method}, start))
    return said[0], body


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "LOCALHOST:8080", "[::1]:8080"])
def test_this_machine_may_read(host: str) -> None:
    assert _ask(host) == ("200 OK", b"studies")


@pytest.mark.parametrize("host", ["evil.example:8080", "127.0.0.1:9", "127.0.0.1", "", "192.168.1.2:8080"])
def test_another_name_for_this_machine_may_not(host: str) -> None:
    status, body = _ask(host)

    assert status == "403 Forbidden"
    assert b"studies" not in body


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "PATCH"])
def test_nobody_changes_anything(method: str) -> None:
    status, body = _ask("127.0.0.1:8080", method)

    assert status == "403 Forbidden"
    assert b"only shown here" in body


def test_without_optuna_dashboard_the_error_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "optuna_dashboard", None)

    code = main(["--mongodb-file", str(tmp_path / "uri")])

    assert code == 1
    assert "pip install 'idlehands[dashboard]'" in capsys.readouterr().err
