"""Job: one job from its first line to its result and its files."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import expect

from idlehands.client import Client
from tests.e2e.page.scripts import KEEPER, submit
from tests.fixtures.browser import Visitor

pytestmark = pytest.mark.process


def test_a_job_is_watched_from_its_first_line_to_its_result(
    operator: Visitor, client: Client, tmp_path: Path
) -> None:
    end = tmp_path / "end"
    job = submit(client, tmp_path, params={"steps": 12, "until": str(end)})
    page = operator.open(f"/jobs/{job}").page

    expect(page.locator("#job-status")).to_contain_text("Running")
    expect(page.locator("#job-log")).to_contain_text("step 5 of 12")
    expect(page.locator("#job-curves .js-plotly-plot")).to_have_count(2)
    # Another look at the curves is in the address, and needs no other page.
    page.evaluate("window.same = true")
    page.get_by_role("button", name="Strong").click()
    expect(page.locator("#job-curves .trace.scatter")).to_have_count(4)
    assert page.url.endswith("?smooth=strong")
    assert page.evaluate("window.same") is True
    page.get_by_label("Find in the log").fill("STEP 1 of")
    expect(page.locator("#log-found")).to_have_text("1 line")
    expect(page.locator("#job-log > div:visible")).to_have_text(["step 1 of 12"])
    page.get_by_label("Find in the log").fill("")
    end.touch()
    expect(page.locator("#job-status")).to_contain_text("Succeeded")
    expect(page.locator("#job-result")).to_contain_text("mode")
    expect(page.locator("#job-facts")).to_contain_text(re.compile(r"Energy.*Wh, (measured|estimated)"))
    expect(page.locator("#job-actions button")).to_have_text("Run again")
    page.reload()
    expect(page.locator("#job-log")).to_contain_text("step 12 of 12")
    expect(page.get_by_role("button", name="Strong")).to_have_attribute("aria-pressed", "true")
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.suggested_filename == f"{job}.log"
    assert "step 12 of 12" in Path(download.value.path()).read_text()


# Where a viewer looks on, somebody cancels by a click, too.
@pytest.mark.slow
def test_a_click_cancels(operator: Visitor, client: Client, tmp_path: Path) -> None:
    job = submit(client, tmp_path, params={"steps": 9000})
    page = operator.open(f"/jobs/{job}").page
    expect(page.locator("#job-status")).to_contain_text("Running")

    page.click("#job-cancel")

    expect(page.locator("#job-status")).to_contain_text("Cancelled")
    expect(page.locator("#job-actions button")).to_have_text("Try again")


def test_files_that_a_script_kept_are_downloaded_and_pictures_are_seen(
    operator: Visitor, client: Client, tmp_path: Path
) -> None:
    job = submit(client, tmp_path, KEEPER, artifacts=["*.png", "*.html", "*.svg"])
    page = operator.open(f"/jobs/{job}").page
    files = page.locator("#job-artifacts .files li")

    expect(files).to_have_count(3)
    picture = page.locator("#job-artifacts img")
    expect(picture).to_have_count(1)
    page.wait_for_function("document.querySelector('#job-artifacts img').naturalWidth === 1")
    with page.expect_download() as download:
        page.click("#job-artifacts .file-name:has-text('page.html')")
    assert download.value.suggested_filename == "page.html"
    assert Path(download.value.path()).read_text() == "<script>window.hacked=1</script>"
    # Whatever opens it: it is saved, never shown.
    address = page.get_attribute("#job-artifacts .file-name:has-text('drawing.svg')", "href")
    with page.expect_download():
        page.evaluate("address => { location.href = address }", address)
    page.get_by_role("button", name="Look into page.html").click()
    expect(page.locator("dialog .file-text")).to_have_text("<script>window.hacked=1</script>")
    page.keyboard.press("Escape")
    expect(page.locator("dialog")).to_have_count(0)
    assert page.evaluate("window.hacked") is None
    assert page.url.endswith(job)
