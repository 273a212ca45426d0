"""Who gets in, who is out, and who may only look."""

import json
import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from idlehands.client import Client
from idlehands.house.login import login_link
from idlehands.house.running import RunningHouse
from idlehands.house.tokens import TokenRole
from tests.e2e.page.scripts import submit
from tests.fixtures.browser import Visitor, log_in, watch

pytestmark = pytest.mark.process


def test_a_login_link_works_once(browser: Browser, house: RunningHouse) -> None:
    link = login_link(house.home)
    first, second = browser.new_context(), browser.new_context()
    page = first.new_page()
    page.goto(link)
    page.wait_for_selector(".head")
    assert "#" not in page.url

    other = second.new_page()
    other.goto(link)
    expect(other.locator("#words")).to_contain_text("used already")
    other.goto(house.home.page_url)
    expect(other.locator("#words")).to_contain_text("not logged in")
    first.close()
    second.close()


def test_who_logs_out_is_out(browser: Browser, house: RunningHouse) -> None:
    visitor = log_in(browser, house.home, role=TokenRole.VIEWER)
    page = visitor.open("/jobs").page

    page.click("#log-out")
    page.wait_for_url("**/login")
    page.goto(house.home.web_url + "/jobs")

    page.wait_for_url("**/login")
    visitor.context.close()


def is_click(body: str, button: str) -> bool:
    """Tell a click from the call that a page makes when the button appears."""
    inputs = json.loads(body or "{}").get("inputs", [])
    return any(isinstance(one, dict) and one["id"] == button and one.get("value") for one in inputs)


def test_a_viewer_sees_all_and_changes_nothing(
    browser: Browser, house: RunningHouse, operator: Visitor, client: Client, tmp_path: Path
) -> None:
    job = submit(client, tmp_path, params={"steps": 9000})
    sent: list[str] = []
    acting = operator.open(f"/jobs/{job}").page
    acting.on("request", lambda one: sent.append(one.post_data or "") if one.method == "POST" else None)
    viewer = log_in(browser, house.home, role=TokenRole.VIEWER)
    page = viewer.open(f"/jobs/{job}").page

    expect(page.locator("#job-status")).to_contain_text("Running")
    expect(page.locator("#job-cancel")).to_have_count(0)
    acting.click("#job-cancel")
    for looking in (acting, page):
        expect(looking.locator("#job-status")).to_contain_text("Cancelled")
    expect(acting.locator("#job-actions button")).to_have_text("Try again")

    # What the operator's browser sent, sent by the viewer's.
    again = submit(client, tmp_path, params={"steps": 9000})
    body = next(one for one in sent if is_click(one, "job-cancel")).replace(job, again)
    answer = page.evaluate(
        "body => fetch('/_dash-update-component', {method: 'POST', body, headers: "
        "{'Content-Type': 'application/json'}}).then(answer => answer.text())",
        body,
    )
    assert "logged in as viewer" in answer
    page.goto(house.home.web_url + f"/jobs/{again}")
    expect(page.locator("#job-status")).to_contain_text(re.compile("Running|Queued"))
    page.goto(house.home.web_url + "/new")
    expect(page.locator(".empty")).to_contain_text("Only operators")
    client.cancel([again])
    viewer.check()
    viewer.context.close()


def test_what_is_watched_is_noticed(browser: Browser, house: RunningHouse) -> None:
    """The watch itself: an error and a request to elsewhere do not pass unseen."""
    page = browser.new_page()
    watched = watch(page, house.home)
    page.route("http://elsewhere.invalid/**", lambda route: route.abort())
    page.goto(f"{house.home.web_url}/login")
    page.evaluate("console.error('oh'); new Image().src = 'https://elsewhere.invalid/x'")
    expect(page.locator("#words")).to_be_visible()
    page.wait_for_timeout(200)

    assert any("oh" in error for error in watched.errors)
    assert any("elsewhere" in error for error in watched.errors)
    page.close()
