"""Events and the palette: what happens as it happens, and a past hour once more."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from idlehands.client import Client
from tests.e2e.page.scripts import submit
from tests.fixtures.browser import Visitor

pytestmark = pytest.mark.process


def test_keys_lead_to_jobs_and_events_come_as_they_happen(
    operator: Visitor, client: Client, tmp_path: Path
) -> None:
    page = operator.open("/events").page
    job = submit(client, tmp_path, params={"pause": 0}, name="found by keys")

    grid = page.locator("#events-grid")
    expect(grid).to_contain_text("found by keys")
    page.keyboard.press("Control+k")
    page.keyboard.type("found by keys")
    expect(page.locator(".palette li").first).to_contain_text(job)
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/jobs/{job}")
    page.goto(f"{operator.home.web_url}/events?about={job}&kind=results")
    expect(grid).to_contain_text("Succeeded")
    expect(grid.locator(".ag-center-cols-container [row-id]")).to_have_count(1)


@pytest.mark.slow
def test_a_past_hour_is_played_again_step_by_step(
    operator: Visitor, client: Client, done: tuple[str, str]
) -> None:
    job, _ = done
    page = operator.open(f"/events?about={job}").page
    page.click("#replay-hour")
    said = page.locator("#replay-said")
    expect(said).to_contain_text("3 of 3 events")
    rows = page.locator("#events-grid .ag-center-cols-container [row-id]")
    expect(rows).to_have_count(3)

    page.get_by_label("Moment").press("Home")
    expect(said).to_have_text("0 of 3 events.")
    page.get_by_role("button", name="Step", exact=True).click()
    expect(said).to_have_text("1 of 3 events: 1 submitted.")
    page.reload()
    expect(said).to_have_text("1 of 3 events: 1 submitted.")
    # The end of the hour is soon played.
    page.get_by_label("Moment").press("End")
    page.get_by_role("button", name="Step back").click()
    expect(said).to_contain_text("2 of 3 events")
    page.get_by_label("Speed").select_option("300")
    page.click("#replay-play")
    expect(said).to_contain_text("3 of 3 events: 1 submitted, 1 claimed, 1 succeeded.")
    expect(rows).to_have_count(3)
