"""Results: any results as a table that an address describes."""

import pytest
from playwright.sync_api import expect

from idlehands.client import Client
from tests.fixtures.broker import eventually
from tests.fixtures.browser import Visitor

pytestmark = pytest.mark.process


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
