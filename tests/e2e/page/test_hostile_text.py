"""Whatever people and scripts write is text, on every page."""

import contextlib
import re
from pathlib import Path

import msgspec
import pytest
from playwright.sync_api import Browser, expect

from idlehands.bundle import build_bundle
from idlehands.client import Client
from idlehands.client.datasets import add_dataset
from idlehands.client.errors import RequestRefused
from idlehands.house.running import RunningHouse
from idlehands.house.tokens import TokenRole
from schemas.requests import AddSchedule, DeployService
from schemas.schedules import ScheduleSpec
from schemas.specs import Choice, JobSpec, ScriptRef, ServiceSpec, SweepSpec
from tests.e2e.page.scripts import (
    EVIL,
    HOSTILE,
    NAMER,
    ROW,
    script_of,
    serve_echo,
    submit,
)
from tests.fixtures.broker import eventually
from tests.fixtures.browser import DESKTOP, PHONE, Scheme, Visitor, log_in

pytestmark = pytest.mark.process


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


@pytest.mark.slow
@pytest.mark.parametrize(("size", "scheme"), [(PHONE, "dark"), (DESKTOP, "light")], ids=["phone", "desktop"])
def test_hostile_labels_models_schedules_and_schemas_are_only_text(
    browser: Browser,
    house: RunningHouse,
    client: Client,
    tmp_path: Path,
    size: tuple[int, int],
    scheme: Scheme,
) -> None:
    evil = f"evil-{size[0]}"
    job = submit(client, tmp_path, NAMER, name=HOSTILE, artifacts=["*.csv", "*.md"])
    for _ in client.follow(job):
        pass
    long = HOSTILE + " " + "x" * 1_500
    client.label([job], project=evil, note=long, add=["odd"])
    client.promote(evil, job=job, note=HOSTILE)
    space = {"<i>x": Choice((HOSTILE, "a"))}
    template = JobSpec(script_of(client, tmp_path, NAMER), name=HOSTILE)
    sweep = client.submit_sweep(SweepSpec(template, space, "grid", 2, "m", name=HOSTILE)).sweep
    client.label([sweep], project=evil, note=long)
    client.ask(AddSchedule(schedule=ScheduleSpec(evil, "0 5 1 1 *", job=template)))
    file = tmp_path / "evil.py"
    file.write_text(f"def evil(text: str = '<b>a</b>'):\n    {HOSTILE!a}\n    return text\n")
    bundle = build_bundle(file)
    client.put_blob(bundle.content)
    script = ScriptRef(bundle.sha256, bundle.entry, "evil")
    client.ask(DeployService(service=ServiceSpec(evil, JobSpec(script), "evil")))

    visitor = log_in(browser, house.home, role=TokenRole.ADMIN, size=size, scheme=scheme)
    page = visitor.open(f"/services/{evil}").page
    expect(page.locator("#service-status")).to_contain_text("Ready")
    for path, shown in (
        (f"/services/{evil}", "<b>"),
        (f"/jobs/{job}", "<img src=x"),
        (f"/jobs?project={evil}", "<img src=x"),
        (f"/sweeps?project={evil}", "<img src=x"),
        (f"/sweeps/{sweep}", "<img src=x"),
        ("/models", evil),
        (f"/models/{evil}", "<img src=x"),
        ("/settings", evil),
        (f"/results?where=name ~ img&x=note&by=note&job={job}", ""),
        (f"/events?about={sweep}", "bold"),
    ):
        page.goto(house.home.web_url + path)
        page.wait_for_selector(".head")
        page.wait_for_selector("html[data-live=on]")
        expect(page.locator("main")).to_contain_text(shown)
        assert page.evaluate("document.documentElement.scrollWidth") <= size[0], path
        content = page.content()
        assert "\u202e" not in content, path
        assert "\x1b" not in content, path
        assert page.locator(".page :is(b, i, img:not(.picture img), script)").count() == 0, path
        assert page.evaluate("window.hacked") is None, path
    page.goto(house.home.web_url + "/")
    page.keyboard.press("Control+k")
    page.keyboard.type("bold")
    expect(page.locator(".palette li").first).to_be_visible()
    assert page.locator(".palette :is(b, img)").count() == 0
    assert "\u202e" not in page.content()
    visitor.check()
    visitor.context.close()
