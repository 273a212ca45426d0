"""`python -m benchmarks.page_memory`: ten tabs that stay open while jobs report, come and go: what they hold.

Each tab has a renderer of its own size: what its script holds after a garbage
collection is read now and then, and a line is laid through that.
"""

import argparse
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from playwright.sync_api import CDPSession, Page, sync_playwright

from benchmarks.crowd import Crowd, point
from benchmarks.figures import Figure, format_table
from bus.settings import BusSettings
from idlehands.client import connect
from idlehands.house.components import AgentOptions
from idlehands.house.login import login_link
from idlehands.house.running import RunningHouse, start_house
from schemas.specs import JobSpec, Needs, ScriptRef

_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_SCRIPT = ScriptRef("0" * 64, "train.py", "train")
_REPORTS_A_SECOND = 4
#: Until then a page still loads what it needs.
_SETTLED = 0.25
Sample = tuple[float, float]


def measure(minutes: float, agents: int = 100, jobs: int = 200) -> list[Figure]:
    """Return for each tab how much more it holds each minute, and how much in the end."""
    with (
        tempfile.TemporaryDirectory() as folder,
        sync_playwright() as playwright,
        start_house(Path(folder) / "house", AgentOptions(count=0), wait_seconds=180) as house,
    ):
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(_FLAGS))
        hq = BusSettings.parse(house.home.broker_address, house.home.service("hq"))
        cli = BusSettings.parse(house.home.broker_address, house.home.client("cli"))
        with Crowd(hq, agents, -(-jobs // agents)) as crowd, connect(cli) as client:
            client.submit([JobSpec(_SCRIPT, {"n": n}, name=f"job {n}") for n in range(jobs)])
            end = time.monotonic() + 120
            while len(crowd.running()) < jobs and time.monotonic() < end:
                time.sleep(0.05)
            context = browser.new_context()
            context.set_default_timeout(120_000)
            first = context.new_page()
            first.goto(login_link(house.home))
            first.wait_for_selector(".card")
            tabs = _open_tabs(house, first, next(iter(crowd.running())))
            taken: dict[str, list[Sample]] = {name: [] for name in tabs}
            began, seq = time.monotonic(), 0
            while (now := time.monotonic() - began) < 60 * minutes:
                seq += 1
                crowd.report(seq % 400 / 4, point(seq))
                if seq % _REPORTS_A_SECOND == 0:
                    # What comes and goes: rows, groups, counts, events.
                    waiting = JobSpec(_SCRIPT, {"n": seq}, name=f"late {seq}", needs=Needs(agent="nobody"))
                    client.cancel(client.submit([waiting]).jobs)
                if seq % (_REPORTS_A_SECOND * 10) == 0:
                    for name, (_, session) in tabs.items():
                        taken[name].append((now / 60, _held_mb(session)))
                first.wait_for_timeout(max(0.0, 1000 * (seq / _REPORTS_A_SECOND - now)))
        browser.close()
    return _figures(taken, minutes)


def _open_tabs(house: RunningHouse, first: Page, job: str) -> dict[str, tuple[Page, CDPSession]]:
    tabs = {"House": first}
    for name, path in (
        ("Jobs", "/jobs"),
        ("Job", f"/jobs/{job}"),
        ("Jobs, grouped", "/jobs?group=script"),
        ("Jobs, running", "/jobs?status=running"),
        ("Events", "/events"),
        ("Sweeps", "/sweeps"),
        ("Results", "/results"),
        ("Services", "/services"),
        ("New", "/new"),
    ):
        tabs[name] = first.context.new_page()
        tabs[name].goto(house.home.web_url + path)
        tabs[name].wait_for_selector(".head")
        tabs[name].wait_for_selector("html[data-live=on]")
    return {name: (page, page.context.new_cdp_session(page)) for name, page in tabs.items()}


def _held_mb(session: CDPSession) -> float:
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 1e6


def slope(samples: Sequence[Sample]) -> float:
    """Return the growth per minute of a line through all but the first quarter of the samples."""
    settled = list(samples[int(len(samples) * _SETTLED) :])
    if len(settled) < 2:
        return 0.0
    minutes, held = zip(*settled, strict=True)
    return float(statistics.linear_regression(minutes, held).slope)


def _figures(taken: dict[str, list[Sample]], minutes: float) -> list[Figure]:
    figures = []
    for name, samples in taken.items():
        title = f"{name}, ten tabs open for {minutes:g} min"
        figures.append(Figure(f"{title}: held more", "MB a minute", (slope(samples),), "flat"))
        figures.append(Figure(f"{title}: held", "MB", (samples[-1][1],) if samples else (0.0,), ""))
    return figures


def main() -> int:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page_memory", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10)
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=200)
    options = parser.parse_args()
    print(format_table(measure(options.minutes, options.agents, options.jobs)))
    return 0


if __name__ == "__main__":
    sys.exit(main())
