"""Two people at once, and a server that is killed while they look."""

import os
import signal
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from idlehands.client import Client
from idlehands.house.running import RunningHouse
from idlehands.house.tokens import TokenRole
from schemas.specs import JobSpec
from tests.e2e.page.scripts import ROW, script_of, serve_echo, submit
from tests.fixtures.browser import PHONE, Visitor, log_in

pytestmark = pytest.mark.process


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


# That another's click is seen at once is also proven where a viewer looks on.
@pytest.mark.slow
def test_what_one_person_does_another_sees_at_once(
    browser: Browser, house: RunningHouse, operator: Visitor, client: Client, tmp_path: Path
) -> None:
    job = submit(client, tmp_path, params={"steps": 9000}, name="of two")
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
