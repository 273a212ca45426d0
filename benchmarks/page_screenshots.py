"""`python -m benchmarks.page_screenshots DIR`: a house at work, and every page of it as a picture.

At 390 and 1440 pixels, light and dark. To look at, and for the documentation.
"""

import sys
import tempfile
from pathlib import Path

import msgspec
from playwright.sync_api import Page, sync_playwright

from benchmarks.page_scene import set_the_scene
from idlehands.house.components import AgentOptions
from idlehands.house.files import write_private
from idlehands.house.home import open_home
from idlehands.house.login import login_link
from idlehands.house.running import RunningHouse, start_house

_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_SIZES = {"desktop": (1440, 900), "phone": (390, 844)}


def main(folder: Path) -> None:
    """Write the pictures into `folder`."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as temporary:
        home = open_home(Path(temporary) / "house")
        named = msgspec.structs.replace(home.settings, machine="workshop")
        write_private(home.path / "house.json", msgspec.json.encode(named))
        with start_house(home.path, AgentOptions(count=4, slots=2), wait_seconds=180) as house:
            pages = set_the_scene(house)
            _take_all(house, pages, folder)


def _take_all(house: RunningHouse, pages: dict[str, str], folder: Path) -> None:
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(_FLAGS))
        state = None
        for scheme in ("light", "dark"):
            for size, (width, height) in _SIZES.items():
                context = browser.new_context(
                    viewport={"width": width, "height": height},
                    color_scheme="dark" if scheme == "dark" else "light",
                    storage_state=state,
                )
                # The machine may be busy with other things.
                context.set_default_timeout(180_000)
                page = context.new_page()
                if state is None:
                    page.goto(login_link(house.home))
                    page.wait_for_selector(".head")
                    state = context.storage_state()
                for name, path in pages.items():
                    _take(page, house.home.web_url + path, folder / f"{name}-{size}-{scheme}.png")
                context.close()
        browser.close()


def _take(page: Page, address: str, file: Path) -> None:
    page.goto(address)
    page.wait_for_selector(".head")
    page.wait_for_selector("html[data-live=on]")
    if "/services/" in address:
        page.get_by_label("image").fill("digits/7.png")
        page.click("#service-call")
    # Figures and fonts settle; nothing else says when they have.
    page.wait_for_timeout(2500)
    page.screenshot(path=file)
    print(file)


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "build/page"))
