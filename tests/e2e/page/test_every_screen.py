"""Every page on a phone and on a desk, in light and dark, and by the keyboard alone."""

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, TimeoutError, expect

from idlehands.client import Client
from idlehands.client.datasets import add_dataset
from idlehands.house.running import RunningHouse
from idlehands.house.tokens import TokenRole
from tests.e2e.page.scripts import serve_echo
from tests.fixtures.axe import violations
from tests.fixtures.browser import DESKTOP, PHONE, Scheme, log_in

pytestmark = pytest.mark.process


#: No colour is on its way to another; bars that go on and on are no matter.
FADED = "() => document.getAnimations().every((one) => !(one instanceof CSSTransition))"
FITS = "wide => document.documentElement.scrollWidth <= wide"
PAPER = {"light": "rgb(246, 247, 247)", "dark": "rgb(18, 22, 23)"}
SCREENS: tuple[tuple[tuple[int, int], Scheme], ...] = (
    (PHONE, "light"),
    (PHONE, "dark"),
    (DESKTOP, "dark"),
    (DESKTOP, "light"),
)


def addresses(job: str, sweep: str) -> list[str]:
    """Return an address of every page, and last one where there is nothing."""
    return [
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


def wrong_on(page: Page, size: tuple[int, int], scheme: Scheme) -> list[str]:
    """Return what is wrong with a page that is there: too wide, of another colour, or hard to use."""
    wrong = []
    try:
        # A figure that was drawn for another width is drawn anew a moment later.
        page.wait_for_function(FITS, arg=size[0], timeout=60_000)
    except TimeoutError:
        wrong.append(f"it is {page.evaluate('document.documentElement.scrollWidth')} wide")
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    wrong += [f"it is {paper}"] if paper != PAPER[scheme] else []
    return wrong + violations(page)


def test_every_page_fits_a_phone(browser: Browser, house: RunningHouse, done: tuple[str, str]) -> None:
    visitor = log_in(browser, house.home, role=TokenRole.VIEWER, size=PHONE)
    page = visitor.open("/").page
    for path in addresses(*done):
        page.goto(house.home.web_url + path)
        page.wait_for_selector(".head")
        assert wrong_on(page, PHONE, "light") == [], path
    expect(page.locator(".trouble")).to_contain_text("There is no job")
    page.click("#theme")
    expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", "dark")
    visitor.check()
    visitor.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("role", [TokenRole.ADMIN, TokenRole.OPERATOR, TokenRole.VIEWER])
def test_every_page_is_for_everybody_on_every_screen_light_and_dark(
    browser: Browser,
    house: RunningHouse,
    client: Client,
    done: tuple[str, str],
    tmp_path: Path,
    role: TokenRole,
) -> None:
    serve_echo(client, tmp_path, "seen")
    table = tmp_path / "seen.csv"
    table.write_text("a,b\n" + "".join(f"{n},{n % 7}\n" for n in range(50)))
    add_dataset(client.rest, "seen", table)
    job, sweep = done
    now = int(time.time())
    paths = [
        *addresses(job, sweep),
        "/jobs?group=script&where=name ~ e&sort=-seconds",
        *(f"/sweeps/{sweep}?tab={tab}&compare=0,1" for tab in ("slice", "timeline", "distribution")),
        f"/results?sweep={sweep}&x=params.steps&y=loss&by=params.steps&of=loss",
        "/data/seen",
        "/services/seen",
        f"/events?from={now - 600}&to={now}",
        "/new?script=train.py",
        "/settings",
    ]
    visitor = log_in(browser, house.home, role=role)
    page = visitor.open("/").page
    wrong: list[str] = []
    for path in paths:
        page.goto(house.home.web_url + path)
        page.wait_for_selector(".head")
        for size, scheme in SCREENS:
            page.set_viewport_size({"width": size[0], "height": size[1]})
            page.emulate_media(color_scheme=scheme)
            expect(page.locator("html")).to_have_attribute("data-mantine-color-scheme", scheme)
            # What fades from one colour to the other has got there.
            page.wait_for_function(FADED)
            wrong += [f"{path} {size[0]} {scheme}: {one}" for one in wrong_on(page, size, scheme)]
    visitor.check()
    visitor.context.close()
    assert not wrong, "\n".join(wrong)


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
