"""The page in a real browser on a real house: live, reloaded, restarted, small, dark, with no way out."""

import contextlib
import json
import os
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, expect

from bus.settings import BusSettings
from idlehands.bundle import build_bundle
from idlehands.client import Client, connect
from idlehands.client.datasets import add_dataset
from idlehands.client.errors import RequestRefused
from idlehands.house.components import AgentOptions
from idlehands.house.login import login_link
from idlehands.house.running import RunningHouse, start_house
from idlehands.house.tokens import TokenRole
from schemas.requests import DeployService
from schemas.specs import Choice, IntRange, JobSpec, ScriptRef, ServiceSpec, SweepSpec
from tests.e2e.page_scripts import ECHO, EVIL, HOSTILE, KEEPER, NAMER, SCRIPTS, script_of, submit
from tests.fixtures.axe import violations
from tests.fixtures.broker import eventually
from tests.fixtures.browser import DESKTOP, PHONE, Scheme, Visitor, log_in, open_browser, watch

pytestmark = pytest.mark.process

# The machine may be busy with other tests.
expect.set_options(timeout=60_000)
#: A row of a table, by its id.
ROW = '.ag-center-cols-container [row-id="{}"]'


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHouse]:
    path = tmp_path_factory.mktemp("page") / "house"
    with start_house(path, AgentOptions(count=2, slots=2)) as running:
        (path / "scripts").mkdir()
        for name, source in SCRIPTS.items():
            (path / "scripts" / name).write_text(source)
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


@pytest.fixture(scope="module")
def operator(browser: Browser, house: RunningHouse) -> Iterator[Visitor]:
    visitor = log_in(browser, house.home)
    yield visitor
    visitor.context.close()


@pytest.fixture(autouse=True)
def nothing_went_wrong(operator: Visitor) -> Iterator[None]:
    yield
    try:
        operator.check()
    finally:
        # What went wrong here is no other test's trouble.
        for watched in operator.pages:
            watched.page.close()
        operator.pages.clear()


@pytest.fixture(scope="module")
def client(house: RunningHouse) -> Iterator[Client]:
    with connect(BusSettings.parse(house.home.broker_address, house.home.client("cli"))) as opened:
        yield opened


@pytest.fixture(scope="module")
def done(client: Client, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str]:
    """A job and a sweep that have ended."""
    script = script_of(client, tmp_path_factory.mktemp("done"))
    job = client.submit([JobSpec(script, params={"pause": 0})]).jobs[0]
    sweep = client.submit_sweep(
        SweepSpec(JobSpec(script), {"steps": IntRange(1, 4)}, "grid", 4, "loss")
    ).sweep
    for _ in client.follow(job):
        pass
    return job, sweep


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
    jobs = client.submit([JobSpec(script, params={"steps": 1000 + n}, name=name) for n in range(3)]).jobs
    page = operator.open("/jobs").page
    page.locator("#jobs-where").fill(f"name = {name}, steps >= 1001")
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


def test_a_machine_shows_what_it_runs(operator: Visitor, client: Client, tmp_path: Path) -> None:
    page = operator.open("/").page

    end = tmp_path / "end"
    job = submit(client, tmp_path, params={"steps": 10, "until": str(end)}, name="on a machine")

    card = page.locator(".card", has=page.locator(f'a[href="/jobs/{job}"]'))
    expect(card).to_contain_text("on a machine")
    expect(card.locator(".card-state")).to_have_text("Working")
    expect(page.locator(f'[data-bar="{job}"] .bar-fill')).to_have_attribute(
        "style", re.compile("width: [1-9]")
    )
    end.touch()
    expect(page.locator(f'a[href="/jobs/{job}"]')).to_have_count(0)


def test_a_machine_is_paused_drained_and_resumed_from_its_card(
    operator: Visitor, browser: Browser, house: RunningHouse, client: Client
) -> None:
    name = client.agents()[0]["name"]
    page = operator.open("/").page
    card = page.locator(f'.card[data-machine="{name}"]')
    why, state = card.locator(".card-why"), card.locator(".card-state")
    try:
        card.get_by_role("button", name="Pause 1 h").click()
        expect(why).to_contain_text(re.compile(r"Paused from the house until \d"))
        expect(state).to_have_text("Resting")
        expect(card.get_by_role("button")).to_have_text(["Resume"])

        viewer = log_in(browser, house.home, role=TokenRole.VIEWER)
        looking = viewer.open("/").page.locator(f'.card[data-machine="{name}"]')
        expect(looking.locator(".card-why")).to_contain_text("Paused from the house")
        expect(looking.get_by_role("button", name="Resume")).to_be_disabled()
        viewer.check()
        viewer.context.close()

        card.get_by_role("button", name="Resume").click()
        expect(card.get_by_role("button")).to_have_text(["Pause 1 h", "Pause", "Drain"])
        expect(why).not_to_contain_text("Paused")
        card.get_by_role("button", name="Drain").click()
        expect(why).to_contain_text("take nothing new until told otherwise")
    finally:
        client.ask_agent(name, "resume")
    expect(card.get_by_role("button")).to_have_count(3)


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


def test_a_server_killed_in_the_middle_is_caught_up_with(
    operator: Visitor, client: Client, house: RunningHouse, tmp_path: Path
) -> None:
    end = tmp_path / "end"
    job = submit(client, tmp_path, params={"steps": 40, "pause": 0.05, "until": str(end)})
    watched = operator.open(f"/jobs/{job}")
    page = watched.page
    expect(page.locator("#job-log")).to_contain_text("step 3 of 40")
    web = house.component("web").pid
    assert web is not None

    watched.while_down = True
    os.kill(web, signal.SIGKILL)
    page.wait_for_selector("html[data-live=off]")
    page.wait_for_selector("html[data-live=on]")
    end.touch()

    expect(page.locator("#job-log")).to_contain_text("step 40 of 40")
    expect(page.locator("#job-status")).to_contain_text("Succeeded")
    # Not before: what was asked for while it was down may be answered, or not, a moment after it is back.
    watched.while_down = False
    house.wait_ready()


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
    job = JobSpec(script_of(client, tmp_path), params={"steps": 1000})
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


# That another's click is seen at once is also proven where a viewer looks on.
@pytest.mark.slow
def test_what_one_person_does_another_sees_at_once(
    browser: Browser, house: RunningHouse, operator: Visitor, client: Client, tmp_path: Path
) -> None:
    job = submit(client, tmp_path, params={"steps": 1000}, name="of two")
    other = log_in(browser, house.home, role=TokenRole.VIEWER, size=PHONE)
    listed, watched = other.open("/jobs").page, other.open(f"/jobs/{job}").page
    acting = operator.open(f"/jobs/{job}").page
    expect(listed.locator(ROW.format(job)).locator(".pill")).to_have_text("Running")
    expect(watched.locator("#job-log")).to_contain_text("step 1 of")

    acting.click("#job-cancel")

    for page in (acting, watched):
        expect(page.locator("#job-status")).to_contain_text("Cancelled")
    expect(listed.locator(ROW.format(job)).locator(".pill")).to_have_text("Cancelled")
    expect(watched.locator("#job-actions button")).to_have_count(0)
    expect(listed.locator("#jobs-many button")).to_have_count(0)
    other.check()
    other.context.close()


@pytest.mark.slow
def test_two_people_who_look_while_the_server_is_killed_miss_nothing(
    browser: Browser, house: RunningHouse, operator: Visitor, client: Client, tmp_path: Path
) -> None:
    end = tmp_path / "end"
    job = submit(client, tmp_path, params={"steps": 60, "pause": 0.05, "until": str(end)}, name="of both")
    other = log_in(browser, house.home, role=TokenRole.VIEWER)
    pages = [operator.open(f"/jobs/{job}"), other.open("/jobs?where=name = of both")]
    expect(pages[0].page.locator("#job-log")).to_contain_text("step 3 of 60")
    web = house.component("web").pid
    assert web is not None

    for watched in pages:
        watched.while_down = True
    os.kill(web, signal.SIGKILL)
    pages[0].page.wait_for_selector("html[data-live=off]")
    # Meanwhile the other may have come back already.
    for watched in pages:
        watched.page.wait_for_selector("html[data-live=on]")
    end.touch()

    expect(pages[0].page.locator("#job-log")).to_contain_text("step 60 of 60")
    expect(pages[1].page.locator(ROW.format(job)).locator(".pill")).to_have_text("Succeeded")
    # A page that is opened right after it came back is whole, whichever it is.
    for path in ("/jobs?group=script", f"/jobs/{job}", "/new?script=train.py"):
        pages[1].page.goto(house.home.web_url + path)
        pages[1].page.wait_for_selector(".head")
        pages[1].page.wait_for_selector("html[data-live=on]")
    for watched in pages:
        watched.while_down = False
    other.context.close()
    house.wait_ready()


@pytest.mark.slow
@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESKTOP, "light")], ids=["phone", "desktop"])
def test_hostile_words_are_only_words_on_every_page_of_jobs(
    browser: Browser,
    house: RunningHouse,
    client: Client,
    tmp_path: Path,
    size: tuple[int, int],
    scheme: Scheme,
) -> None:
    name = f"{HOSTILE} {size[0]}"
    job = submit(client, tmp_path, NAMER, name=name, params={"<i>key": HOSTILE}, artifacts=["*.csv", "*.md"])
    for _ in client.follow(job):
        pass
    space = {"<i>x": Choice((HOSTILE, "a"))}
    spec = SweepSpec(JobSpec(script_of(client, tmp_path, NAMER), artifacts=("*.csv",)), space, "grid", 2, "m")
    sweep = client.submit_sweep(msgspec.structs.replace(spec, name=name)).sweep

    def have_ended() -> bool:
        # The sweep may be in no read model yet.
        with contextlib.suppress(RequestRefused):
            return len([one for one in client.trials(sweep) if one["result"]]) == 2
        return False

    eventually(have_ended, 60)
    visitor = log_in(browser, house.home, size=size, scheme=scheme)
    page = visitor.open(f"/jobs/{job}").page

    expect(page.locator("#job-log")).to_contain_text("red <b>bold</b>")
    page.get_by_role("button", name=re.compile("Look into <b>.*csv")).click()
    expect(page.locator("dialog td").first).to_contain_text("<img src=x")
    page.keyboard.press("Escape")
    page.get_by_role("button", name=re.compile("Look into <b>.*md")).click()
    expect(page.locator("dialog h3")).to_contain_text("<img src=x")
    page.keyboard.press("Escape")
    for path in (
        "/jobs?group=script",
        f"/jobs?where=id = {job}&columns=name,script,params,why,id",
        "/jobs?where=" + HOSTILE.replace("=", "").replace('"', ""),
        f"/sweeps/{sweep}?compare=0,1",
    ):
        page.goto(house.home.web_url + path)
        page.wait_for_selector(".head")
        page.wait_for_selector("html[data-live=on]")
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], path
        content = page.content()
        assert "\u202e" not in content, path
        assert "\x1b" not in content, path
        assert page.locator(".page :is(b, i, img:not(.picture img), script)").count() == 0, path
    expect(page.locator("#sweep-compare")).to_contain_text("<b>")
    assert page.evaluate("window.hacked") is None
    visitor.check()
    visitor.context.close()


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


@pytest.mark.slow
def test_results_are_filtered_sorted_and_compared_by_an_address(
    operator: Visitor, done: tuple[str, str], client: Client
) -> None:
    _, sweep = done
    eventually(lambda: len([trial for trial in client.trials(sweep) if trial["result"]]) == 4, 60)
    page = operator.open(f"/results?sweep={sweep}").page
    rows = page.locator("#results-grid .ag-center-cols-container [row-id]")
    expect(rows).to_have_count(4)

    page.locator("#results-where").fill("steps >= 2")
    page.locator("#results-where").press("Enter")
    expect(rows).to_have_count(3)
    boxes = page.locator("#results-grid .ag-pinned-left-cols-container .ag-checkbox-input")

    def are_ticked() -> bool:
        # The table may draw its rows anew under the mouse.
        for box in (boxes.nth(0), boxes.nth(1)):
            if not box.is_checked():
                box.click(force=True)
        return page.locator("#results-compare").inner_text() == "Compare 2"

    eventually(are_ticked, 60)
    page.click("#results-compare")

    expect(page.locator("#results-compared")).to_contain_text("steps")
    page.reload()
    expect(page.locator("#results-compared")).to_contain_text("steps")
    expect(rows).to_have_count(3)
    expect(page.locator("#results-where")).to_have_value("steps >= 2")


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


def test_a_form_made_of_a_scripts_arguments_submits_it(operator: Visitor) -> None:
    page = operator.open("/new").page
    page.click(".script:has-text('train.py')")
    steps = page.get_by_label("steps", exact=True)

    steps.fill("many")
    page.click("#submit")
    expect(page.locator("#submit-note")).to_contain_text("'many' is not a whole number")
    beside = page.locator(".argument", has=page.get_by_label("steps", exact=True))
    expect(beside.locator(".mantine-InputWrapper-error")).to_contain_text("'many' is not a whole number")
    # What is entered outlives a reload.
    page.reload()
    expect(steps).to_have_value("many")

    steps.fill("3")
    expect(beside.locator(".mantine-InputWrapper-error")).to_have_count(0)
    expect(page.locator("#form-expected")).to_contain_text(re.compile("a run|not known"))
    page.get_by_role("switch", name="shuffle").check(force=True)
    page.get_by_label("Name", exact=True).fill(HOSTILE)
    page.get_by_label("More parameters").fill("pause=0.05")
    page.click("#submit")
    expect(page.locator("#job-status")).to_contain_text("Succeeded")
    expect(page.locator("#job-result")).to_contain_text("true")
    assert re.search(r"/jobs/j[a-z2-7]{12}$", page.url)
    page.click("#job-retry")
    expect(page.locator(".over")).not_to_have_text("")
    expect(page.locator("#job-facts")).to_contain_text("Again of")


def test_what_is_varied_in_the_form_becomes_a_sweep(operator: Visitor) -> None:
    page = operator.open("/new?script=train.py").page
    page.get_by_label("Vary steps").check(force=True)
    page.get_by_label("steps from").fill("1")
    page.get_by_label("to", exact=True).nth(0).fill("")
    expect(page.locator("#form-preview")).to_contain_text("steps: say to where it is varied")
    page.get_by_label("to", exact=True).nth(0).fill("3")
    page.get_by_label("Vary mode").check(force=True)
    page.get_by_label("pause", exact=True).fill("0")
    page.get_by_label("Trials", exact=True).fill("2")
    page.get_by_label("Metric", exact=True).fill("loss")
    page.get_by_label("Second metric", exact=True).fill("accuracy")
    page.get_by_label("Constraints").fill("loss <= 10")

    expect(page.locator("#form-preview")).to_contain_text(
        "idlehands sweep train.py --space steps=1..3 --space mode=fast,slow --param pause=0.0 --trials 2 "
        "--objective loss:max --objective accuracy:max --constraint 'loss<=10'"
    )
    expect(page.locator("#submit")).to_have_text("Run the sweep")
    page.click("#submit")

    expect(page.locator("#sweep-status")).to_contain_text("Finished")
    assert re.search(r"/sweeps/s[a-z2-7]{12}(\?|$)", page.url)


# Where a viewer looks on, somebody cancels by a click, too.
@pytest.mark.slow
def test_a_click_cancels(operator: Visitor, client: Client, tmp_path: Path) -> None:
    job = submit(client, tmp_path, params={"steps": 1000})
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


def serve_echo(client: Client, folder: Path, name: str) -> None:
    """Deploy a service that answers what it is given."""
    file = folder / "echo.py"
    file.write_text(ECHO)
    bundle = build_bundle(file)
    client.put_blob(bundle.content)
    script = ScriptRef(bundle.sha256, bundle.entry, "echo")
    client.ask(DeployService(service=ServiceSpec(name, JobSpec(script), "echo")))


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


@pytest.mark.slow
def test_two_people_see_the_same_through_a_restart(
    browser: Browser, house: RunningHouse, operator: Visitor, client: Client, tmp_path: Path
) -> None:
    serve_echo(client, tmp_path, "shared")
    script = script_of(client, tmp_path)
    viewer = log_in(browser, house.home, role=TokenRole.VIEWER, size=PHONE, scheme="dark")
    paths = ("/events", "/services", "/", "/services/shared")
    acting, looking = ({path: one.open(path) for path in paths} for one in (operator, viewer))
    for seen in (acting, looking):
        expect(seen["/services/shared"].page.locator("#service-status")).to_contain_text("Ready")
        for watched in seen.values():
            watched.while_down = True
    web = house.component("web").pid
    assert web is not None

    os.kill(web, signal.SIGKILL)
    end = tmp_path / "end"
    # Over the bus, as nobody can upload anything now.
    spec = JobSpec(script, {"steps": 2, "until": str(end)}, name="in the middle")
    job = client.submit([spec]).jobs[0]

    for seen in (acting, looking):
        expect(seen["/events"].page.locator("#events-grid")).to_contain_text(job)
        expect(seen["/"].page.locator(f'a[href="/jobs/{job}"]')).to_be_visible()
        for watched in seen.values():
            watched.page.wait_for_selector("html[data-live=on]")
            watched.while_down = False
    end.touch()
    acting["/services/shared"].page.get_by_role("button", name="Stop").click()
    for seen in (acting, looking):
        expect(seen["/services/shared"].page.locator("#service-status")).to_contain_text("Stopped")
        expect(seen["/services"].page.locator('a[href="/services/shared"]')).to_contain_text("Stopped")
        expect(seen["/"].page.locator(f'a[href="/jobs/{job}"]')).to_have_count(0)
    assert looking["/services/shared"].page.get_by_role("button", name="Call").count() == 0
    viewer.check()
    viewer.context.close()


@pytest.mark.slow
def test_hostile_data_events_and_answers_are_only_text(
    operator: Visitor, client: Client, tmp_path: Path
) -> None:
    file = tmp_path / "evil.csv"
    head = HOSTILE.replace('"', "'")
    file.write_text(f'"{head}",\x1b[31mred\n{"x" * 1_000_000}<i>end</i>,2\n<b>bold</b>,3\n')
    add_dataset(client.rest, "evil", file)
    job = submit(client, tmp_path, EVIL, name=HOSTILE)
    serve_echo(client, tmp_path, "long")
    events = operator.open(f"/events?about={job}").page
    expect(events.locator("#events-grid")).to_contain_text("<b>bold</b>")
    data = operator.open("/data/evil").page
    expect(data.locator(".page")).to_contain_text("<img src=x")
    service = operator.open("/services/long").page
    expect(service.locator("#service-status")).to_contain_text("Ready")
    service.get_by_label("text").fill("<b>" + "x" * 9_000)
    service.get_by_label("times").fill("12")
    service.click("#service-call")
    expect(service.locator("#service-answer")).to_contain_text("characters")

    for page in (events, data, service):
        assert page.evaluate("window.hacked") is None
        assert page.locator(".page b, .page img").count() == 0
        assert "\u202e" not in page.content()
        assert "\x1b" not in page.content()
        assert page.evaluate("document.documentElement.scrollWidth") <= DESKTOP[0]


def test_who_logs_out_is_out(browser: Browser, house: RunningHouse) -> None:
    visitor = log_in(browser, house.home, role=TokenRole.VIEWER)
    page = visitor.open("/jobs").page

    page.click("#log-out")
    page.wait_for_url("**/login")
    page.goto(house.home.web_url + "/jobs")

    page.wait_for_url("**/login")
    visitor.context.close()


def test_hostile_words_are_only_words(operator: Visitor, client: Client, tmp_path: Path) -> None:
    job = submit(client, tmp_path, EVIL, name=HOSTILE, argv=[HOSTILE], params={"<i>key": HOSTILE})
    page = operator.open(f"/jobs/{job}").page

    expect(page.locator("#job-status")).to_contain_text("Succeeded")
    log = page.locator("#job-log")
    expect(log).to_contain_text("red <script>window.hacked=1</script> <b>bold</b>")
    expect(log).to_contain_text("after the long line")
    expect(page.locator("h1")).to_contain_text('<img src=x onerror="window.hacked=1">')
    assert "\u202e" not in page.content()
    assert "\x1b" not in page.content()
    assert page.locator("#job-log script, #job-log b, h1 img, .facts img, .facts script").count() == 0
    page.goto(operator.home.web_url + "/jobs")
    expect(page.locator(ROW.format(job))).to_contain_text("<b>bold</b>")
    page.goto(operator.home.web_url + "/jobs/" + HOSTILE.replace("/", "%2F"))
    page.goto(operator.home.web_url + "/new?script=" + HOSTILE)
    expect(page.locator(".page")).to_contain_text("There is no script")
    assert page.evaluate("window.hacked") is None
    operator.pages[-1].errors = [one for one in operator.pages[-1].errors if "404" not in one]


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


def is_click(body: str, button: str) -> bool:
    """Tell a click from the call that a page makes when the button appears."""
    inputs = json.loads(body or "{}").get("inputs", [])
    return any(isinstance(one, dict) and one["id"] == button and one.get("value") for one in inputs)


def test_a_viewer_sees_all_and_changes_nothing(
    browser: Browser, house: RunningHouse, operator: Visitor, client: Client, tmp_path: Path
) -> None:
    job = submit(client, tmp_path, params={"steps": 1000})
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
    again = submit(client, tmp_path, params={"steps": 1000})
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
