"""`python -m benchmarks.page`: how soon what happens is on the screen, and what that costs.

A real house with finished jobs, a crowd of agents whose jobs report four times a second, a real browser.
Browser and house are on one machine and read one clock.
"""

import argparse
import os
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser, Page, sync_playwright

from benchmarks.crowd import Crowd, point
from benchmarks.figures import Figure, format_table, read_machine, to_json
from benchmarks.processes import read_cpu_seconds
from benchmarks.setting import noop_specs, wait_all_ended
from bus.settings import BusSettings
from idlehands.client import Client, connect
from idlehands.house.components import AgentOptions
from idlehands.house.login import login_link
from idlehands.house.running import RunningHouse, start_house
from schemas.specs import JobSpec, Needs, ScriptRef

_FLAGS = (
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
)
_SCRIPT = ScriptRef("0" * 64, "train.py", "train")
#: It ends jobs that do nothing, before anything is measured.
_IDLE = AgentOptions(count=1, slots=8, runner="noop")
#: Notes when each row of the table came, and when the probe's bar moved, in seconds since 1970.
_WATCH = """() => {
  window.rows = {}; window.moved = {};
  const now = () => (performance.timeOrigin + performance.now()) / 1000;
  new MutationObserver((changes) => {
    for (const change of changes) {
      for (const node of change.addedNodes) {
        if (node.nodeType !== 1) continue;
        const row = node.closest("[row-id]") || node.querySelector("[row-id]");
        if (row) window.rows[row.getAttribute("row-id")] ??= now();
      }
      if (change.type === "attributes" && change.target.closest(`[data-bar="${window.probe}"]`)) {
        window.moved[Number.parseFloat(change.target.style.width).toFixed(2)] ??= now();
      }
    }
  }).observe(document.body, {subtree: true, childList: true, attributes: true, attributeFilter: ["style"]});
}"""


def measure(agents: int, jobs: int, finished: int, probes: int) -> list[Figure]:
    """Run everything once and return the figures."""
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=list(_FLAGS))
        with start_house(Path(folder) / "house", _IDLE, wait_seconds=180) as house:
            hq = BusSettings.parse(house.home.broker_address, house.home.service("hq"))
            cli = BusSettings.parse(house.home.broker_address, house.home.client("cli"))
            with connect(cli) as client:
                client.submit(noop_specs(finished))
                wait_all_ended(client)
            with Crowd(hq, agents, -(-jobs // agents)) as crowd, connect(cli) as client:
                # Not for the agent that finished the others.
                places = [Needs(agent=crowd.names[n % agents]) for n in range(jobs)]
                client.submit(
                    [JobSpec(_SCRIPT, {"n": n}, name=f"job {n}", needs=at) for n, at in enumerate(places)]
                )
                _until(lambda: len(crowd.running()) >= jobs, "all jobs run")
                figures = _load(browser, house)
                with _Reporting(crowd):
                    figures += _under_load(browser, house, client, crowd, probes)
        browser.close()
    return figures


class _Reporting:
    """All jobs report four times a second, in the background."""

    def __init__(self, crowd: Crowd) -> None:
        self._crowd, self._stopping = crowd, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stopping.set()
        self._thread.join()

    def _run(self) -> None:
        seq, due = 0, time.monotonic()
        while not self._stopping.is_set():
            self._crowd.report(seq % 200 / 2, point(seq))
            seq, due = seq + 1, due + 0.25
            self._stopping.wait(max(0.0, due - time.monotonic()))


def _load(browser: Browser, house: RunningHouse) -> list[Figure]:
    """Measure from a navigation until machines are on the screen: with nothing cached, and once more."""
    context = browser.new_context()
    page = context.new_page()
    page.goto(login_link(house.home))
    page.wait_for_selector(".card")
    state = context.storage_state()
    context.close()
    cold: list[float] = []
    warm: list[float] = []
    for _ in range(5):
        context = browser.new_context(storage_state=state)
        page = context.new_page()
        for values in (cold, warm):
            began = time.perf_counter()
            page.goto(house.home.page_url, wait_until="commit")
            page.wait_for_selector(".card")
            values.append(time.perf_counter() - began)
            page.goto("about:blank")
        context.close()
    return [
        Figure("page cold: navigation to machines on screen", "s", tuple(cold), "under 2 s"),
        Figure("page warm: likewise", "s", tuple(warm), "under 0.7 s"),
    ]


def _under_load(
    browser: Browser, house: RunningHouse, client: Client, crowd: Crowd, probes: int
) -> list[Figure]:
    page = browser.new_context().new_page()
    page.goto(login_link(house.home))
    page.wait_for_selector(".card")
    probe = next(iter(crowd.running()))
    web = house.component("web").pid
    assert web is not None
    page.goto(house.home.page_url)
    page.wait_for_selector(f'[data-bar="{probe}"]')
    cpu, began = read_cpu_seconds(web), time.monotonic()
    bars = _measure_bars(page, crowd, probe, probes)
    on_house = (read_cpu_seconds(web) - cpu) / (time.monotonic() - began)
    page.goto(house.home.web_url + "/jobs")
    page.wait_for_selector("html[data-live=on]")
    page.wait_for_selector("[row-id]")
    cpu, began = read_cpu_seconds(web), time.monotonic()
    rows = _measure_rows(page, client, probes)
    on_jobs = (read_cpu_seconds(web) - cpu) / (time.monotonic() - began)
    return [
        Figure("progress published to bar moved (House)", "ms", bars, "p95 under 150 ms"),
        Figure("submit called to row on screen (Jobs)", "ms", rows, "p95 under 150 ms"),
        Figure("web process, House open", "% of a core", (100 * on_house,), "under 30 %"),
        Figure("web process, Jobs open", "% of a core", (100 * on_jobs,), "under 30 %"),
    ]


def _measure_bars(page: Page, crowd: Crowd, probe: str, probes: int) -> tuple[float, ...]:
    page.evaluate(_WATCH)
    page.evaluate("probe => { window.probe = probe }", probe)
    sent: dict[str, float] = {}
    for number in range(probes):
        # Hundredths, which the crowd never reports.
        percent = 1 + number * 0.2 + 0.13
        sent[f"{percent:.2f}"] = time.time()
        crowd.report(percent, point(100_000 + number), only=probe)
        page.wait_for_timeout(170)
    moved: dict[str, float] = page.evaluate("window.moved")
    # A bar that was overtaken by the next report within one frame never showed this one.
    return tuple(1000 * (moved[key] - at) for key, at in sent.items() if key in moved)


def _measure_rows(page: Page, client: Client, probes: int) -> tuple[float, ...]:
    page.evaluate(_WATCH)
    sent: dict[str, float] = {}
    for number in range(probes):
        began = time.time()
        waiting = JobSpec(_SCRIPT, {"n": number}, name=f"probe {number}", needs=Needs(agent="nobody"))
        sent[client.submit([waiting]).jobs[0]] = began
        page.wait_for_timeout(170)
    page.wait_for_timeout(1000)
    rows: dict[str, float] = page.evaluate("window.rows")
    return tuple(1000 * (rows[job] - at) for job, at in sent.items() if job in rows)


def _until(holds: Any, what: str, seconds: float = 120.0) -> None:
    end = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > end:
            raise TimeoutError(f"not within {seconds:g} s: {what}")
        time.sleep(0.05)


def main() -> int:
    """Measure, print a table and keep the values."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.page", description=__doc__)
    parser.add_argument("--agents", type=int, default=100)
    parser.add_argument("--jobs", type=int, default=200)
    parser.add_argument("--finished", type=int, default=50_000)
    parser.add_argument("--probes", type=int, default=100)
    parser.add_argument("--out", type=Path, default=Path("build/page.json"))
    options = parser.parse_args()
    before = os.getloadavg()[0]
    figures = measure(options.agents, options.jobs, options.finished, options.probes)
    print(format_table(figures))
    print(
        f"{options.agents} agents, {options.finished:,} jobs finished, {options.jobs} that report four times "
        f"a second, load before {before:.1f}"
    )
    options.out.parent.mkdir(parents=True, exist_ok=True)
    options.out.write_bytes(to_json(figures, read_machine()))
    return 0


if __name__ == "__main__":
    sys.exit(main())
