"""House: what machines do, and what they are told to do."""

import re
from pathlib import Path

import pytest
from playwright.sync_api import Browser, expect

from idlehands.client import Client
from idlehands.house.running import RunningHouse
from idlehands.house.tokens import TokenRole
from tests.e2e.page.scripts import submit
from tests.fixtures.browser import Visitor, log_in

pytestmark = pytest.mark.process


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
        # And since when.
        expect(state).to_have_text(re.compile(r"Resting( \d.*)?"))
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
