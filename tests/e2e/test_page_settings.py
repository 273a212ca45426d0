"""Settings on the page: an admin lets another computer join, with a line and four words."""

import json
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from idlehands.house.components import AgentOptions
from idlehands.house.running import RunningHouse, start_house
from idlehands.house.tokens import TokenRole
from idlehands.pairing.joined import read_joined
from tests.fixtures.broker import eventually
from tests.fixtures.browser import log_in, open_browser

pytestmark = pytest.mark.process
PATIENCE_MILLISECONDS = 60_000


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningHouse]:
    folder = tmp_path_factory.mktemp("house") / "house"
    with start_house(folder, AgentOptions(count=0), wait_seconds=120) as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with open_browser() as opened:
        yield opened


def test_an_empty_house_says_what_to_do_first(house: RunningHouse, browser: Browser) -> None:
    visitor = log_in(browser, house.home)
    page = visitor.open("/").page
    expect(page.locator(".page")).to_contain_text("Nothing has run here yet")
    expect(page.locator(".page")).to_contain_text("idlehands agent")
    page.click(".way:has-text('Sweeps')")
    expect(page.locator(".page")).to_contain_text("idlehands sweep")
    page.click(".way:has-text('Services')")
    expect(page.locator(".page")).to_contain_text("idlehands serve")
    visitor.check()
    visitor.context.close()


def test_an_admin_lets_a_computer_join(house: RunningHouse, browser: Browser, tmp_path: Path) -> None:
    visitor = log_in(browser, house.home, role=TokenRole.ADMIN)
    page = visitor.open("/settings").page
    page.get_by_role("button", name="Add a computer").click()
    line = page.locator("#pairing .command").first
    expect(line).to_contain_text("./run join", timeout=PATIENCE_MILLISECONDS)
    expect(page.locator("#pairing img")).to_be_visible()
    words = shlex.split(line.inner_text())
    joining = subprocess.Popen(
        [
            *(sys.executable, "-P", "-m", "idlehands", "join", words[words.index("join") + 1]),
            *("--hq", words[words.index("--hq") + 1], "--name", "cellar"),
        ],
        env={"PATH": "/usr/bin:/bin", "IDLEHANDS_HOME": str(tmp_path)},
        stderr=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    try:
        expect(page.locator("#pairing")).to_contain_text("Allow cellar?", timeout=PATIENCE_MILLISECONDS)
        shown = page.locator("#pairing").inner_text()
        page.get_by_role("button", name="Allow").click()
        _, said = joining.communicate(timeout=60)
    finally:
        if joining.poll() is None:
            joining.kill()
            joining.communicate()
    expect(page.locator("#pairing")).to_contain_text("cellar has joined", timeout=PATIENCE_MILLISECONDS)
    four = next(line for line in said.splitlines() if "four words" in line).rpartition(": ")[2]

    # The audit log has who let it in, from where, and what they saw.
    def noted() -> str:
        page.reload()
        return page.locator("#audit").inner_text()

    eventually(lambda: "pairing.allowed" in noted(), 60)
    (row,) = [line for line in noted().splitlines() if "pairing.allowed" in line]
    assert [word for word in ("some-admin", "cellar", "page", four) if word not in row] == [], row
    printed = subprocess.run(
        [sys.executable, "-P", "-m", "idlehands", "audit", "--who", "cellar", "--json"],
        env={"PATH": "/usr/bin:/bin", "IDLEHANDS_HOME": str(house.home.path)},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert {json.loads(line)["what"] for line in printed.splitlines()} >= {
        "pairing.allowed",
        "certificate.issued",
        "token.created",
    }
    assert joining.returncode == 0, said
    assert four in shown
    assert read_joined(tmp_path / "joined").role == "agent"
    visitor.check()
    visitor.context.close()


def test_nobody_else_sees_it(house: RunningHouse, browser: Browser) -> None:
    visitor = log_in(browser, house.home, role=TokenRole.OPERATOR)
    page = visitor.open("/settings").page

    expect(
        page.get_by_text("Only admins change who belongs to the house and what reaches outside.")
    ).to_be_visible()
    expect(page.locator("#pairing")).to_have_count(0)
    visitor.check()
    visitor.context.close()


def test_an_admin_adds_somebody_who_is_told_tries_it_and_removes_it(
    house: RunningHouse, browser: Browser, tmp_path: Path
) -> None:
    visitor = log_in(browser, house.home, role=TokenRole.ADMIN)
    page = visitor.open("/settings").page
    page.locator("#told-name").fill("lamp")
    page.locator("#told-where").fill("home/idlehands")
    page.locator("#told-kind").click()
    page.get_by_role("option", name="MQTT topic").click()
    page.locator("#told-add").click()
    expect(page.locator("#told")).to_contain_text("home/idlehands (house)", timeout=PATIENCE_MILLISECONDS)
    page.get_by_role("button", name="Test lamp").click()
    expect(page.locator("#note")).to_contain_text("The test was taken", timeout=PATIENCE_MILLISECONDS)
    page.get_by_role("button", name="Remove lamp").click()
    expect(page.locator("#told")).to_contain_text("Nobody is told anything", timeout=PATIENCE_MILLISECONDS)
    # What cannot be is said, and nothing is kept.
    page.locator("#told-name").fill("NOT A NAME")
    page.locator("#told-add").click()
    expect(page.locator("#note")).to_contain_text("This cannot be added", timeout=PATIENCE_MILLISECONDS)
    expect(page.locator("#told")).to_contain_text("Nobody is told anything")
    visitor.check()
