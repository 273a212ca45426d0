"""Jobs: rows that come, change and go by themselves, and many of them at once."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from idlehands.client import Client
from schemas.specs import JobSpec
from tests.e2e.page.scripts import ROW, script_of, submit
from tests.fixtures.browser import Visitor

pytestmark = pytest.mark.process


def test_jobs_appear_and_change_without_a_reload(operator: Visitor, client: Client, tmp_path: Path) -> None:
    page = operator.open("/jobs").page
    page.evaluate("window.same = true")
    end = tmp_path / "end"

    job = submit(client, tmp_path, params={"steps": 8, "until": str(end)}, name="watched")

    row = page.locator(ROW.format(job))
    expect(row).to_contain_text("watched")
    expect(row.locator(".pill")).to_have_text("Running")
    expect(row.locator(".bar-fill")).to_have_attribute("style", re.compile("width: [1-9]"))
    end.touch()
    expect(row.locator(".pill")).to_have_text("Succeeded")
    assert page.evaluate("window.same") is True


def test_many_jobs_are_found_cancelled_and_run_again_at_once(
    operator: Visitor, client: Client, tmp_path: Path
) -> None:
    script = script_of(client, tmp_path)
    name = f"of many {tmp_path.name}"
    jobs = client.submit([JobSpec(script, params={"steps": 9000 + n}, name=name) for n in range(3)]).jobs
    page = operator.open("/jobs").page
    page.locator("#jobs-where").fill(f"name = {name}, steps >= 9001")
    page.locator("#jobs-where").press("Enter")
    rows = page.locator(".ag-center-cols-container [row-id]")
    expect(rows).to_have_count(2)

    page.get_by_role("button", name="Cancel all").click()
    dialog = page.locator("dialog")
    expect(dialog).to_contain_text("Cancel 2 jobs?")
    dialog.get_by_role("button", name="Cancel", exact=True).click()
    for job in jobs[1:]:
        expect(page.locator(ROW.format(job)).locator(".pill")).to_have_text("Cancelled")
    page.locator(f'.ag-row[row-id="{jobs[1]}"] .ag-checkbox-input').check()
    page.get_by_role("button", name="Try again", exact=True).click()
    expect(dialog).to_contain_text("Run again 1 job?")
    dialog.get_by_role("button", name="Run again").click()
    # The new one meets the filter, too: it comes by itself.
    expect(rows).to_have_count(3)

    page.locator("summary", has_text="Columns").click()
    page.locator("[data-column=submitter]").click()
    page.locator("summary", has_text="Views").click()
    page.click("#jobs-save-view")
    page.get_by_label("Name of the view").fill("mine")
    page.keyboard.press("Enter")
    page.goto(operator.home.web_url + "/jobs?group=script")
    expect(page.locator("#jobs-groups tbody tr").first).to_contain_text("train")
    page.locator("summary", has_text="Views").click()
    page.locator("#jobs-views a", has_text="mine").click()
    expect(rows).to_have_count(3)
    expect(page.locator(".ag-header-cell[col-id=submitter]")).to_be_visible()
    with page.expect_response("**/bulk/jobs"):
        page.get_by_role("button", name="Cancel all").click()
    dialog.get_by_role("button", name="Cancel", exact=True).click()
    expect(dialog).to_have_count(0)
    client.cancel([jobs[0]])


def test_an_address_survives_a_reload_and_the_way_back(
    operator: Visitor, client: Client, tmp_path: Path
) -> None:
    job = submit(client, tmp_path)
    page = operator.open("/jobs").page
    page.click(".filter:has-text('Succeeded')")
    expect(page.locator(".filter.is-chosen")).to_contain_text("Succeeded")
    expect(page.locator(ROW.format(job))).to_be_visible()

    page.reload()

    expect(page.locator(".filter.is-chosen")).to_contain_text("Succeeded")
    assert page.url.endswith("/jobs?status=succeeded")
    page.click(f'a[href="/jobs/{job}"]')
    expect(page.locator("#job-status")).to_contain_text("Succeeded")
    page.go_back()
    expect(page.locator(ROW.format(job))).to_be_visible()


def test_what_is_deleted_leaves_the_page_without_a_reload(
    operator: Visitor, client: Client, tmp_path: Path
) -> None:
    script = script_of(client, tmp_path)
    job, other = client.submit([JobSpec(script, params={"pause": 0}) for _ in range(2)]).jobs
    for one in (job, other):
        for _ in client.follow(one):
            pass
    page, of_job = operator.open("/jobs").page, operator.open(f"/jobs/{job}").page
    row = page.locator(ROW.format(job))
    expect(row.locator(".pill")).to_have_text("Succeeded")
    expect(of_job.locator("#job-status")).to_contain_text("Succeeded")
    page.evaluate("window.same = true")

    client.delete([job])

    expect(row).to_have_count(0)
    expect(page.locator(ROW.format(other))).to_be_visible()
    expect(of_job.locator("#job-status")).to_contain_text("This job was deleted")
    expect(of_job.locator("#job-actions button")).to_have_count(0)
    assert page.evaluate("window.same") is True
