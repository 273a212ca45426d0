"""Services: what is called, called from its page."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from idlehands.client import Client
from tests.e2e.page.scripts import HOSTILE, serve_echo
from tests.fixtures.browser import Visitor

pytestmark = pytest.mark.process


def test_a_service_is_called_from_its_page(operator: Visitor, client: Client, tmp_path: Path) -> None:
    for _ in range(2):
        serve_echo(client, tmp_path, "echo")
    page = operator.open("/services/echo").page
    expect(page.locator("#service-status")).to_contain_text("Ready")

    page.get_by_label("text").fill(HOSTILE)
    page.get_by_label("times").fill("two")
    page.click("#service-call")
    expect(page.locator("#service-answer")).to_have_text('times: "two" is not a whole number.')
    page.get_by_label("times").fill("2")
    page.click("#service-call")
    answer = page.locator("#service-answer")
    expect(answer).to_contain_text("<b>bold</b>")
    assert answer.inner_text().count("<img src=x") == 2
    assert "\u202e" not in answer.inner_text()
    assert page.evaluate("window.hacked") is None
    expect(page.locator("#service-now")).to_contain_text("1 call")
    assert page.url.rpartition("/services")[0] in page.locator("#service-curl").inner_text()

    page.get_by_role("button", name="Let version 1 take the calls").click()
    expect(page.locator("#service-versions li").last).to_contain_text("takes the calls")
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#service-status")).to_contain_text("Stopped")
    # The version that had the calls can have them again.
    expect(page.get_by_role("button", name="Let version 1 take the calls")).to_be_visible()
