"""Tabs that nobody sees, and tables that are open for long: neither grows without an end."""

import json
from pathlib import Path

import pytest
from playwright.sync_api import expect

from idlehands.client import Client
from tests.e2e.page.scripts import ROW, submit
from tests.fixtures.broker import eventually
from tests.fixtures.browser import Visitor

pytestmark = [pytest.mark.process, pytest.mark.slow]

HIDE = """hidden => {
  Object.defineProperty(document, "hidden", { value: hidden, configurable: true });
  document.dispatchEvent(new Event("visibilitychange"));
}"""


def test_a_tab_that_nobody_sees_is_sent_nothing_and_misses_nothing(
    operator: Visitor, client: Client, tmp_path: Path
) -> None:
    page = operator.open("/jobs").page
    asked: list[str] = []
    sent: list[str] = []

    def on_socket(socket: object) -> None:
        socket.on("framesent", lambda text: asked.append(json.loads(str(text))["path"]))  # type: ignore[attr-defined]
        socket.on("framereceived", lambda text: sent.append(str(text)))  # type: ignore[attr-defined]

    page.on("websocket", on_socket)
    page.reload()
    page.wait_for_selector("html[data-live=on]")
    eventually(lambda: "/jobs" in asked, 60)

    page.evaluate(HIDE, True)

    def is_asleep() -> bool:
        page.wait_for_timeout(50)
        return asked[-1] == "/nothing"

    eventually(is_asleep, 60)
    page.wait_for_timeout(300)
    sent.clear()
    job = submit(client, tmp_path, params={"pause": 0}, name="unseen")
    for _ in client.follow(job):
        pass
    page.wait_for_timeout(500)
    assert sent == []
    page.evaluate(HIDE, False)
    expect(page.locator(ROW.format(job)).locator(".pill")).to_have_text("Succeeded")


def test_a_table_that_is_open_for_long_is_read_anew_before_it_holds_too_much(operator: Visitor) -> None:
    page = operator.open("/jobs").page
    rows = [{"id": f"x{n}", "name": f"row {n}", "status": "succeeded", "order": n} for n in range(3000)]

    page.evaluate("rows => window.idlehands.drawRows('jobs-grid', [{ put: rows }])", rows)

    counted = (
        "() => new Promise((done) => dash_ag_grid.getApiAsync('jobs-grid').then((api) => {"
        " let n = 0; api.forEachNode(() => { n += 1; }); done(n); }))"
    )
    eventually(lambda: int(page.evaluate(counted)) <= 500, 60)
