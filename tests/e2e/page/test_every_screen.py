"""Every page on a phone and on a desk, in light and dark, and by the keyboard alone."""

import re

import pytest
from playwright.sync_api import Browser, expect

from idlehands.house.running import RunningHouse
from idlehands.house.tokens import TokenRole
from tests.fixtures.axe import violations
from tests.fixtures.browser import DESKTOP, PHONE, Scheme, log_in

pytestmark = pytest.mark.process


@pytest.mark.parametrize(
    ("size", "scheme"),
    [
        pytest.param(PHONE, "light", id="light-phone"),
        pytest.param(DESKTOP, "dark", id="dark-desktop", marks=pytest.mark.slow),
        pytest.param(PHONE, "dark", id="dark-phone", marks=pytest.mark.slow),
        pytest.param(DESKTOP, "light", id="light-desktop", marks=pytest.mark.slow),
    ],
)
def test_every_page_fits_every_screen(
    browser: Browser, house: RunningHouse, done: tuple[str, str], size: tuple[int, int], scheme: Scheme
) -> None:
    visitor = log_in(browser, house.home, role=TokenRole.VIEWER, size=size, scheme=scheme)
    job, sweep = done
    page = visitor.open("/").page
    paths = [
        "/",
        "/jobs",
        f"/jobs/{job}",
        "/sweeps",
        f"/sweeps/{sweep}",
        "/results",
        "/data",
        "/services",
        "/events",
        "/new",
        "/jobs/jaaaaaaaaaaaa",
    ]
    for path in paths:
        page.goto(house.home.web_url + path)
        page.wait_for_selector(".head")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], path
        paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert paper == ("rgb(246, 247, 247)" if scheme == "light" else "rgb(18, 22, 23)"), path
        assert violations(page) == [], path
    expect(page.locator(".trouble")).to_contain_text("There is no job")
    page.click("#theme")
    expect(page.locator("html")).to_have_attribute(
        "data-mantine-color-scheme", "dark" if scheme == "light" else "light"
    )
    visitor.check()
    visitor.context.close()


def test_the_keyboard_alone_gets_everywhere(
    browser: Browser, house: RunningHouse, done: tuple[str, str]
) -> None:
    visitor = log_in(browser, house.home, role=TokenRole.VIEWER, size=PHONE)
    # Of one job: a table draws only the rows in sight, and by now the house has seen many events.
    page = visitor.open(f"/events?about={done[0]}").page
    focus = page.locator("*:focus")
    page.keyboard.press("Tab")
    expect(focus).to_have_text("Skip to content")
    page.keyboard.press("Enter")
    expect(focus).to_have_id("page")
    page.keyboard.press("Tab")
    expect(focus).to_have_text("Replay the last hour")

    # The pages that a phone's bar has no room for.
    more = page.get_by_role("button", name="More")
    more.press("Enter")
    expect(page.get_by_role("link", name="Settings")).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Settings")).to_be_hidden()
    expect(more).to_be_focused()

    # Into the table, and from a cell to where it leads.
    page.locator(f'[row-id]:has-text("{done[0]}") [col-id="job"]').first.focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(f"/jobs/{done[0]}$"))
    expect(page).to_have_title(re.compile("Idlehands$"))
    expect(focus).to_have_id("page")
    visitor.check()
    visitor.context.close()
