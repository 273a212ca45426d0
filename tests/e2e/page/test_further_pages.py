"""Scripts from the browser, models, colours, the pivot and the forms of Settings, as people use them."""

import io
import json
import re
import zipfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from idlehands.client import Client
from idlehands.house import allowed_scripts
from idlehands.house.running import RunningHouse
from idlehands.house.tokens import TokenRole
from schemas.specs import JobSpec
from tests.e2e.page.scripts import script_of
from tests.fixtures.axe import violations
from tests.fixtures.browser import DESKTOP, PHONE, Visitor, log_in

pytestmark = [pytest.mark.process, pytest.mark.slow]
UPLOADED = '''"""Say a word in colour, and keep a model with its card."""
import argparse, json, pathlib
from words import WORD
parser = argparse.ArgumentParser()
parser.add_argument("--times", type=int, default=2, help="how often")
options = parser.parse_args()
print(f"\\x1b[1;31m{WORD}\\x1b[0m <b>plain</b>\\x1b]0;title\\x07" * options.times, flush=True)
pathlib.Path("model.pt").write_text(WORD)
pathlib.Path("card.md").write_text("# A card\\n\\n* of <i>text</i>\\n")
print(json.dumps({"said": options.times}))
'''


def zipped() -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("work/speak.py", UPLOADED)
        made.writestr("work/words.py", 'WORD = "hello"\n')
    return out.getvalue()


def fits_and_is_clear(page: Page) -> None:
    """Fail if a page is wider than its screen, or hard to use, on a phone or a desk."""
    for size in (PHONE, DESKTOP):
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.wait_for_function("wide => document.documentElement.scrollWidth <= wide", arg=size[0])
        assert violations(page) == []


def test_a_zip_from_the_browser_runs_and_becomes_a_model(
    operator: Visitor, house: RunningHouse, tmp_path: Path
) -> None:
    page = operator.open("/new").page
    expect(page.locator(".scripts")).to_contain_text("idlehands scripts uploads on")
    allowed_scripts.switch_uploads(house.home.path / allowed_scripts.UPLOADS_NAME, on=True)
    page.reload()
    bad = tmp_path / "notes.txt"
    bad.write_text("no script")
    page.set_input_files("#script-file", bad)
    expect(page.locator("#script-said")).to_contain_text("is no .py")
    file = tmp_path / "work.zip"
    file.write_bytes(zipped())
    page.set_input_files("#script-file", file)
    expect(page.locator(".new-panel h2")).to_have_text("speak.py")
    expect(page.get_by_role("link", name="words.py")).to_be_visible()
    fits_and_is_clear(page)
    page.get_by_label("times", exact=True).fill("1")
    page.get_by_label("Keep files").fill("model.pt, card.md")
    page.click("#submit")
    page.wait_for_url(re.compile("/jobs/j"))

    coloured = page.locator("#job-log .ansi-in-red.ansi-bold")
    expect(coloured).to_have_text("hello")
    expect(page.locator("#job-log")).to_contain_text("hello <b>plain</b>")
    expect(page.locator("#job-timeline")).to_contain_text("Submitted")
    expect(page.locator("#job-timeline")).to_contain_text("Succeeded")
    page.reload()
    name = f"speaker-{tmp_path.name[-8:].replace('_', '-').lower()}"
    page.locator("#model-name").fill(name)
    page.click("#model-add")
    page.wait_for_url(re.compile(f"/models/{name}"))
    expect(page.locator(".model-card")).to_contain_text("of <i>text</i>")
    page.get_by_role("button", name=f"To production: {name} version 1").click()
    expect(page.locator("#note")).to_contain_text("in production now")
    expect(page.locator("#model-versions")).to_contain_text("Production")
    fits_and_is_clear(page)
    page.goto(house.home.web_url + "/models")
    expect(page.get_by_role("link", name=name, exact=True)).to_be_visible()
    fits_and_is_clear(page)
    allowed_scripts.switch_uploads(house.home.path / allowed_scripts.UPLOADS_NAME, on=False)


def test_what_a_browser_sends_is_refused_with_a_reason(operator: Visitor, house: RunningHouse) -> None:
    switch = house.home.path / allowed_scripts.UPLOADS_NAME
    page = operator.open("/new").page
    send = """async ([name, size]) => {
        const answer = await fetch("/new/upload?name=" + name, { method: "PUT", body: new Uint8Array(size) });
        return [answer.status, (await answer.json()).code];
    }"""
    allowed_scripts.switch_uploads(switch, on=False)
    assert page.evaluate(send, ["a.py", 10]) == [403, "uploads_off"]
    allowed_scripts.switch_uploads(switch, on=True)
    assert page.evaluate(send, ["a.zip", 10]) == [422, "bad_script"]
    assert page.evaluate(send, ["a.exe", 10]) == [422, "bad_script"]
    assert page.evaluate(send, ["a.py", 17 * 1024 * 1024])[0] == 413
    # The browser says of each in its console that it was no success.
    operator.pages[-1].errors.clear()
    allowed_scripts.switch_uploads(switch, on=False)


def test_machines_have_curves_and_results_a_pivot(
    operator: Visitor, house: RunningHouse, client: Client, done: tuple[str, str]
) -> None:
    page = operator.open("/").page
    expect(page.locator(".card .gauge").first).to_be_visible()
    expect(page.locator(".card-today").first).to_contain_text("attempt")
    fits_and_is_clear(page)
    page.goto(house.home.web_url + f"/results?sweep={done[1]}&by=params.steps&across=machine&of=loss")
    expect(page.locator("#results-pivot tbody tr").first).to_be_visible()
    fits_and_is_clear(page)


def test_an_admin_adds_what_submits_by_itself_and_a_token(
    browser: Browser, house: RunningHouse, done: tuple[str, str]
) -> None:
    visitor = log_in(browser, house.home, role=TokenRole.ADMIN)
    page = visitor.open("/settings").page
    page.locator("#schedules summary").click()
    page.locator("#schedule-name").fill("nightly")
    page.locator("#schedule-cron").fill("30 2 * * *")
    page.click("#schedule-add")
    expect(page.locator("#note")).to_contain_text("Say as which job")
    page.locator("#schedule-what").fill(done[0])
    page.click("#schedule-add")
    expect(page.locator("#schedules tbody")).to_contain_text("30 2 * * *")
    page.locator("#schedules summary").click()
    page.locator("#schedule-name").fill("nightly")
    page.locator("#schedule-cron").fill("45 3 * * *")
    page.click("#schedule-add")
    expect(page.locator("#schedules tbody")).to_contain_text("45 3 * * *")
    page.get_by_role("button", name="Remove nightly").click()
    expect(page.locator("#schedules")).to_contain_text("Nothing is submitted by the clock")

    page.locator("#incoming summary").click()
    page.locator("#taking-name").fill("push")
    page.locator("#taking-what").fill(done[0])
    page.locator("#taking-secret").fill("0123456789abcdef")
    page.click("#taking-add")
    expect(page.locator("#incoming tbody")).to_contain_text("/api/v1/hooks/push")
    page.get_by_role("button", name="Remove hook push").click()
    expect(page.locator("#incoming")).to_contain_text("No webhook and no topic")

    page.locator("#tokens summary").click()
    page.locator("#token-name").fill("olga")
    page.click("#token-add")
    expect(page.locator("#token-made")).to_be_visible()
    expect(page.locator("#page")).to_contain_text("What owners allow")
    fits_and_is_clear(page)
    page.get_by_role("button", name="Revoke the token of olga").click()
    expect(page.locator("#note")).to_contain_text("opens nothing any more")
    visitor.check()
    visitor.context.close()


def test_an_admin_logs_somebody_out_and_changes_what_is_kept_and_who_is_told(
    browser: Browser, house: RunningHouse
) -> None:
    guest = log_in(browser, house.home, role=TokenRole.VIEWER, name="a-guest")
    shown = guest.open("/").page
    visitor = log_in(browser, house.home, role=TokenRole.ADMIN)
    page = visitor.open("/settings").page
    expect(page.locator("#users tbody")).to_contain_text("a-guest")
    page.get_by_role("button", name="Log out a-guest everywhere").click()
    expect(page.locator("#note")).to_contain_text("a-guest is logged out everywhere")
    expect(page.locator("#users tbody")).not_to_contain_text("a-guest")
    guest.pages[-1].while_down = True
    shown.reload()
    expect(shown.locator("body")).to_contain_text("idlehands login")
    guest.context.close()

    page.locator("#kept-finished").fill("180")
    page.locator("#kept-compact").fill("2000")
    page.click("#kept-save")
    expect(page.locator("#note")).to_contain_text("Kept like this from now on")
    file = house.home.retention_file
    assert json.loads(file.read_text()) == {"finished_jobs_days": 180, "compact_above_mb": 2000}
    page.reload()
    expect(page.locator("#kept-finished")).to_have_value("180")
    page.locator("#kept-finished").fill("")
    page.locator("#kept-compact").fill("")
    page.click("#kept-save")
    expect(page.locator("#note")).to_contain_text("Kept like this from now on")
    assert json.loads(file.read_text()) == {}

    page.locator("#told-kind").click()
    page.get_by_role("option", name="MQTT topic").click()
    page.locator("#told-name").fill("phone")
    page.locator("#told-where").fill("home/one")
    page.click("#told-add")
    expect(page.locator("#told tbody")).to_contain_text("home/one (house)")
    page.get_by_role("button", name="Edit phone").click()
    expect(page.locator("#told-where")).to_have_value("home/one")
    page.locator("#told-where").fill("home/other")
    page.click("#told-add")
    expect(page.locator("#told tbody")).to_contain_text("home/other (house)")
    fits_and_is_clear(page)
    page.get_by_role("button", name="Remove phone").click()
    expect(page.locator("#told")).to_contain_text("Nobody is told anything yet")
    visitor.check()
    visitor.context.close()


def test_a_viewer_has_no_button_that_would_be_refused(
    browser: Browser, house: RunningHouse, client: Client, done: tuple[str, str], tmp_path: Path
) -> None:
    script, name = script_of(client, tmp_path), f"seen {tmp_path.name}"
    client.submit([JobSpec(script, params={"steps": 2}, name=name)])
    visitor = log_in(browser, house.home, role=TokenRole.VIEWER, size=PHONE)
    page = visitor.open(f"/jobs?where=name = {name}").page
    # The list is live on a phone as well.
    row = page.locator(".ag-center-cols-container [row-id]").first
    expect(row.locator(".pill")).to_have_text("Succeeded")
    expect(page.locator("#jobs-many button")).to_have_count(0)
    expect(page.locator(".ag-checkbox-input")).to_have_count(0)
    for path, chosen in (
        (f"/jobs/{done[0]}", "#job-actions button, #model-add"),
        (f"/sweeps/{done[1]}", "#sweep-actions button"),
        ("/data", "#data-add"),
        ("/models", ".actions button"),
        ("/settings", "#schedules button, #tokens, #told, #users, #kept"),
        ("/new", "#submit, #script-file"),
    ):
        page.goto(house.home.web_url + path)
        page.wait_for_selector(".head")
        expect(page.locator(chosen)).to_have_count(0)
    page.goto(house.home.web_url + "/")
    asks = page.locator(".card .ask")
    expect(asks.first).to_be_disabled()
    expect(asks.first).to_have_attribute("title", re.compile("viewer"))
    visitor.check()
    visitor.context.close()
