"""Sweep: its best, its trials, its figures, and what it is told to do."""

from pathlib import Path

import pytest
from playwright.sync_api import expect

from idlehands.client import Client
from schemas.specs import Choice, IntRange, JobSpec, SweepSpec
from tests.e2e.page.scripts import ROW, script_of
from tests.fixtures.browser import Visitor

pytestmark = pytest.mark.process


def test_a_sweep_shows_its_best_its_trials_and_its_figures(
    operator: Visitor, client: Client, tmp_path: Path
) -> None:
    script = script_of(client, tmp_path)
    space = {"steps": IntRange(2, 5), "mode": Choice(("fast", "slow"))}
    spec = SweepSpec(JobSpec(script), space, sampler="grid", trials=8, metric="loss", direction="minimize")
    sweep = client.submit_sweep(spec).sweep
    page = operator.open(f"/sweeps/{sweep}").page

    expect(page.locator("#sweep-status")).to_contain_text("Finished")
    expect(page.locator(".best-value")).to_have_text("0.2")
    expect(page.locator("#parallel .js-plotly-plot, #parallel.js-plotly-plot")).to_be_visible()
    expect(page.locator("#parallel .annotation-text", has_text="steps")).to_be_visible()
    expect(page.locator("#trial-curves .trace.scatter")).to_have_count(8)
    expect(page.locator("#trials-grid .ag-center-cols-container .pill.is-succeeded")).to_have_count(8)
    page.goto(operator.home.web_url + "/sweeps")
    expect(page.locator(ROW.format(sweep))).to_contain_text("8 of 8")


def test_a_sweep_is_paused_extended_and_stopped_by_clicks(
    operator: Visitor, client: Client, tmp_path: Path
) -> None:
    job = JobSpec(script_of(client, tmp_path), params={"steps": 9000})
    spec = SweepSpec(job, {"mode": Choice(("fast", "slow"))}, "random", trials=3, metric="loss", parallel=1)
    page = operator.open(f"/sweeps/{client.submit_sweep(spec).sweep}").page
    pill, note = page.locator("#sweep-status .pill"), page.locator("#note")

    page.get_by_role("button", name="Pause").click()
    expect(pill).to_have_text("Paused")
    expect(note).to_contain_text("what runs goes on to its end")
    page.get_by_role("button", name="Resume").click()
    expect(pill).to_have_text("Running")
    page.get_by_role("button", name="10 more trials").click()
    expect(note).to_contain_text("13 trials now")
    expect(page.locator("#sweep-status")).to_contain_text("of 13 trials")
    page.get_by_role("button", name="Stop").click()
    expect(pill).to_have_text("Cancelled")
    expect(page.locator("#sweep-actions button")).to_have_count(0)


def test_what_is_looked_at_of_a_sweep_is_in_its_address(operator: Visitor, done: tuple[str, str]) -> None:
    page = operator.open(f"/sweeps/{done[1]}?tab=distribution&brush=-0.4,0.4,0.5,1.1").page

    # Two of four trials have steps in the upper half: the others leave the table.
    expect(page.locator("#sweep-tab #distribution .js-line").first).to_be_attached()
    expect(page.locator("#sweep-parallel")).to_contain_text("2 trials of 4 chosen")
    page.locator("#trials-grid").scroll_into_view_if_needed()
    boxes = page.locator("#trials-grid .ag-row .ag-checkbox-input")
    expect(boxes).to_have_count(2)
    boxes.nth(0).check()
    boxes.nth(1).check()
    expect(page.locator("#sweep-compare thead a")).to_have_count(2)
    expect(page.locator("#sweep-compare tbody")).to_contain_text("steps")
    page.locator("#sweep-tabs label", has_text="Timeline").click()
    expect(page.locator("#sweep-tab #timeline .bars").first).to_be_attached()
    page.wait_for_url("**tab=timeline**compare=**")

    page.reload()

    expect(page.locator("#sweep-tab #timeline .bars").first).to_be_attached()
    expect(page.locator("#sweep-compare thead a")).to_have_count(2)
    expect(page.locator("#sweep-parallel")).to_contain_text("2 trials of 4 chosen")
