"""New: a form made of a script's arguments becomes a job or a sweep."""

import re

import pytest
from playwright.sync_api import expect

from tests.e2e.page.scripts import (
    HOSTILE,
)
from tests.fixtures.browser import Visitor

pytestmark = pytest.mark.process


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
