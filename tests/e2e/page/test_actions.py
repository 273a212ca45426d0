"""What no other test clicks: every other button, menu and key of the pages, once each."""

import re
import time
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from idlehands.client import Client
from schemas.specs import JobSpec
from tests.e2e.page.scripts import ROW, script_of, serve_echo, submit
from tests.fixtures.browser import Visitor

pytestmark = [pytest.mark.process, pytest.mark.slow]


def test_the_list_of_jobs_is_sorted_grouped_and_its_chosen_jobs_cancelled(
    operator: Visitor, client: Client, tmp_path: Path
) -> None:
    script, name = script_of(client, tmp_path), f"each {tmp_path.name}"
    waiting = [JobSpec(script, params={"steps": 9000 + n}, name=name) for n in range(2)]
    jobs = client.submit(waiting).jobs
    page = operator.open(f"/jobs?where=name = {name}").page
    for job in jobs:
        expect(page.locator(ROW.format(job))).to_be_visible()

    page.locator(".ag-header-cell[col-id=status] .ag-header-cell-label").click()
    page.wait_for_url("**sort=status**")
    page.locator("#jobs-group").click()
    page.get_by_role("option", name="By script").click()
    page.wait_for_url("**group=script**")
    expect(page.locator("#jobs-groups tbody tr")).to_have_count(1)
    page.goto(operator.home.web_url + f"/jobs?where=name = {name}")
    for job in jobs:
        page.locator(f'.ag-row[row-id="{job}"] .ag-checkbox-input').check()
    expect(page.locator("#jobs-many")).to_contain_text("2 chosen")
    page.locator("#jobs-many").get_by_role("button", name="Cancel", exact=True).click()
    page.locator("dialog").get_by_role("button", name="Leave them").click()
    expect(page.locator("dialog")).to_have_count(0)
    page.locator("#jobs-many").get_by_role("button", name="Cancel", exact=True).click()
    page.locator("dialog").get_by_role("button", name="Cancel", exact=True).click()
    for job in jobs:
        expect(page.locator(ROW.format(job)).locator(".pill")).to_have_text("Cancelled")
    page.get_by_role("button", name="Try all again").click()
    page.locator("dialog").get_by_role("button", name="Run again").click()
    expect(page.locator("#note")).to_contain_text("Submitted again: 2 jobs")
    expect(page.locator(".ag-center-cols-container [row-id]")).to_have_count(4)
    page.get_by_role("button", name="Cancel all").click()
    page.locator("dialog").get_by_role("button", name="Cancel", exact=True).click()
    expect(page.locator("#note")).to_contain_text("Cancelled")

    page.locator("summary", has_text="Views").click()
    page.click("#jobs-save-view")
    page.get_by_label("Name of the view").fill("gone soon")
    page.keyboard.press("Enter")
    page.get_by_role("button", name="Remove the view gone soon").click()
    expect(page.get_by_role("link", name="gone soon")).to_have_count(0)


def test_a_log_is_let_go_and_a_command_is_copied(operator: Visitor, client: Client, tmp_path: Path) -> None:
    operator.context.grant_permissions(["clipboard-read", "clipboard-write"])
    job = submit(client, tmp_path, params={"steps": 3})
    page = operator.open(f"/jobs/{job}").page
    expect(page.locator("#job-status")).to_contain_text("Succeeded")

    follow = page.get_by_role("button", name="Follow")
    expect(follow).to_have_attribute("aria-pressed", "true")
    follow.click()
    expect(follow).to_have_attribute("aria-pressed", "false")
    for words, said in (("Time", "x=time"), ("Epoch", "x=epoch"), ("Log", "scale=log"), ("Light", "smooth=")):
        page.locator("#job-curves, .panel").get_by_role("button", name=words, exact=True).first.click()
        page.wait_for_url(re.compile(re.escape(said)))
    page.get_by_role("button", name=re.compile("^Copy")).first.click()
    expect(page.locator("main")).to_be_visible()
    copied = page.evaluate("navigator.clipboard.readText()")
    assert "idlehands" in copied
    page.locator("summary", has_text="Change").click()
    page.get_by_label("Project").fill("paper")
    page.get_by_label("Note").fill("<b>kept</b> for the paper")
    page.get_by_role("button", name="Save", exact=True).click()
    expect(page.locator("#labels, .panel", has_text="Labels").first).to_contain_text("<b>kept</b>")
    assert page.locator("main b").count() == 0


def test_results_are_sorted_by_a_click_drawn_otherwise_and_taken_along(
    operator: Visitor, done: tuple[str, str]
) -> None:
    page = operator.open(f"/results?sweep={done[1]}").page
    rows = page.locator("#results-grid .ag-center-cols-container [row-id]")
    expect(rows).to_have_count(4)

    page.locator("#results-grid .ag-header-cell", has_text="loss").locator(".ag-header-cell-label").click()
    page.wait_for_url(re.compile(r"sort=-?(result\.)?loss"))
    expect(rows).to_have_count(4)
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert len(Path(download.value.path()).read_text().splitlines()) == 5


def test_a_form_is_emptied_and_a_script_becomes_a_service_that_is_kept_warm(
    operator: Visitor, client: Client, tmp_path: Path
) -> None:
    page = operator.open("/new?script=train.py").page
    page.get_by_label("steps", exact=True).fill("7")
    expect(page.locator("#form-preview")).to_contain_text("--steps 7")
    page.get_by_role("button", name="Clear").click()
    expect(page.get_by_label("steps", exact=True)).to_have_value("")

    serve_echo(client, tmp_path, "warmed")
    page.goto(operator.home.web_url + "/services/warmed")
    expect(page.locator("#service-status")).to_contain_text("Ready")
    page.get_by_role("button", name="Copy curl").click()
    page.get_by_label("Machines with a worker that is ready").fill("2")
    page.get_by_role("button", name="Keep so many").click()
    expect(page.locator("#service-versions li")).to_have_count(2)
    page.get_by_role("button", name="Stop").click()
    expect(page.locator("#service-status")).to_contain_text("Stopped")


def test_events_are_narrowed_down_by_clicks_and_another_time_is_shown(
    operator: Visitor, done: tuple[str, str]
) -> None:
    page = operator.open("/events").page
    page.get_by_role("link", name="Results", exact=True).last.click()
    page.wait_for_url("**kind=results**")
    field = page.get_by_placeholder("A job, sweep, machine or person")
    field.fill(done[0])
    field.press("Enter")
    page.wait_for_url(f"**about={done[0]}**")
    expect(page.locator("#events-grid .ag-center-cols-container [row-id]")).to_have_count(1)
    now = int(time.time())
    page.goto(f"{operator.home.web_url}/events?from={now - 7200}&to={now}&about={done[0]}")
    expect(page.locator("#replay-said")).to_contain_text("of 3 events")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(page.locator("#replay-said")).to_contain_text("events")
    page.get_by_role("link", name="Back to now").click()
    expect(page.get_by_text("Replay the last hour")).to_be_visible()


def test_a_machine_is_paused_without_an_end_and_resumed(operator: Visitor, client: Client) -> None:
    name = client.agents()[0]["name"]
    page = operator.open("/").page
    card = page.locator(f'.card[data-machine="{name}"]')
    try:
        card.get_by_role("button", name=f"Pause: {name}").click()
        expect(card.locator(".card-why")).to_contain_text("Paused from the house")
        card.get_by_role("button", name="Resume").click()
        expect(card.locator(".card-why")).not_to_contain_text("Paused")
    finally:
        client.ask_agent(name, "resume")


def test_keys_and_the_lens_lead_everywhere(operator: Visitor) -> None:
    page = operator.open("/").page
    page.get_by_role("button", name="Go to", exact=True).click()
    expect(page.locator(".palette input")).to_be_focused()
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.locator("dialog")).to_contain_text("Jobs")
    page.keyboard.press("Escape")
    for key, path in (("j", "/jobs"), ("s", "/sweeps"), ("r", "/results")):
        _press_g(page, key, path)
    page.keyboard.press("/")
    expect(page.locator("[data-search]:focus")).to_have_count(1)


def _press_g(page: Page, key: str, path: str) -> None:
    page.keyboard.press("g")
    page.keyboard.press(key)
    page.wait_for_url(f"**{path}")
    expect(page.locator(f'.way.is-here[href="{path}"]')).to_be_visible()
