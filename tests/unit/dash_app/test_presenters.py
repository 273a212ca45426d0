"""Words, rows and figures: pure, so tried without a house."""

import json
from typing import Any

import pytest
from plotly.io.json import to_json_plotly

from dash_app import addresses
from dash_app.addresses import View, parse
from dash_app.jobs_asked import JobsAsked
from dash_app.live.log_feed import LINES_KEPT, Lines
from dash_app.presenters import artifacts, charts, counts, figures, jobs, machines, series, sweep, words
from dash_app.presenters import job as job_words
from dash_app.presenters.parallel import Trial, make_axis, parallel
from dash_app.presenters.plain import plain, plain_lines
from schemas.resources import CPU, MEMORY, QUIET


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        ("\x1b[1;31mred\x1b[0m", "red"),
        ("\x1b]8;;http://evil.example\x07link\x1b]8;;\x07", "link"),
        ("\x1b]0;title\x1b\\x", "x"),
        ("a\x00b\x07c\x9b31md\u200be", "abcde"),
        ("\u202eexe.png", "\ufffdexe.png"),
        ("<b>&amp;", "<b>&amp;"),
        ("tab\tstays", "tab\tstays"),
        ("\x1b", ""),
    ],
)
def test_text_is_made_plain(given: str, shown: str) -> None:
    assert plain(given) == shown


def test_long_text_is_cut_and_lines_stay_lines() -> None:
    assert len(plain("x" * 1_000_000)) < 10_010
    assert plain_lines("a\nb\x1b[0m\n") == "a\nb"


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (None, ""),
        (-1, ""),
        (float("nan"), ""),
        (0.25, "250 ms"),
        (2.5, "2.5 s"),
        (59.9, "59 s"),
        (61, "1 min 1 s"),
        (3700, "1 h 1 min"),
        (90_000, "1 d 1 h"),
    ],
)
def test_durations_have_two_units(seconds: Any, shown: str) -> None:
    assert words.duration(seconds) == shown


@pytest.mark.parametrize("value", [None, True, 3, 2.5, float("inf"), "x", [1, {"a": None}], 10**30])
def test_every_value_has_words(value: Any) -> None:
    assert words.value(value)


@pytest.mark.parametrize(
    ("path", "query", "view"),
    [
        ("/", "", View("house")),
        (None, None, View("house")),
        ("/jobs", "?status=failed&before=12", View("jobs", status="failed", before=12)),
        ("/jobs", "?status=$ne&before=x", View("jobs")),
        ("/jobs/jaaaaaaaaaaaa", "", View("job", "jaaaaaaaaaaaa")),
        ("/jobs/jaaaaaaaaaaaa\n", "", View("nothing")),
        ("/jobs/../x", "", View("nothing")),
        ("/sweeps/saaaaaaaaaaaa/", "", View("sweep", "saaaaaaaaaaaa")),
        ("/new", "?script=a%2Fb.py", View("new", script="a/b.py")),
        ("/settings", "", View("settings")),
        ("/<b>", "", View("nothing")),
    ],
)
def test_addresses_are_checked(path: str | None, query: str | None, view: View) -> None:
    assert parse(path, query) == view


def test_addresses_lead_to_where_they_came_from() -> None:
    path, _, query = addresses.of_jobs("failed", 12).partition("?")
    assert parse(path, query) == View("jobs", status="failed", before=12)


def job(**more: Any) -> dict[str, Any]:
    spec = {"script": {"bundle": "0", "entry": "t.py", "name": "t"}, "params": {"lr": 0.1}}
    base = {
        "id": "jaaaaaaaaaaaa",
        "spec": spec,
        "submitter": "cli",
        "status": "queued",
        "revision": 1,
        "order": 1,
        "submitted_at": 1.0,
        "agent": None,
        "attempts": [],
        "why": "",
        "claimed_at": None,
        "ended_at": None,
    }
    return {**base, **more}


def shown(component: Any) -> str:
    """Return a component as the browser gets it."""
    return str(to_json_plotly(component))


def test_a_row_says_where_and_how_far() -> None:
    running = jobs.row(job(status="running", agent="attic", claimed_at=1.0), 40.0)
    ended = jobs.row(
        job(status="succeeded", attempts=[{"agent": "attic"}], claimed_at=1.0, ended_at=3.5), None
    )

    assert (running["machine"], running["percent"], running["seconds"]) == ("attic", 40.0, None)
    assert (ended["machine"], ended["percent"], ended["seconds"]) == ("attic", 100.0, 2.5)
    assert running["params"] == "lr 0.1"
    assert isinstance(running["id"], str)


@pytest.mark.parametrize(
    ("environment", "words"), [("script", "an environment built for it"), ("python3.12", "python3.12")]
)
def test_a_job_says_what_it_runs_in(environment: str, words: str) -> None:
    one = job()
    one["spec"] = {**one["spec"], "needs": {"environment": environment}}

    assert f'"{words}"' in shown(job_words.facts(one))


def test_only_text_goes_into_components() -> None:
    evil = "<script>\u202e\x1b[31m"
    one = job(
        why=evil,
        status="failed",
        results=[
            {
                "token": 1,
                "verdict": "accepted",
                "result": {
                    "outcome": "failed",
                    "failure": {"kind": "exit", "message": evil, "traceback": evil},
                },
            }
        ],
    )
    text = shown(
        [
            job_words.status(one, evil, None),
            job_words.result(one),
            job_words.parameters({"spec": {**one["spec"], "params": {evil: evil}, "argv": [evil]}}),
        ]
    )

    assert "\\u202e" not in text
    assert "\\u001b" not in text
    assert "dangerously" not in text
    assert "Markdown" not in text


def test_files_have_their_size_and_pictures_are_asked_for_by_their_place() -> None:
    kept = [
        {"name": "plots/loss.PNG", "sha256": "0" * 64, "bytes": 2_500},
        {"name": "evil.svg", "sha256": "1" * 64, "bytes": 10},
        {"name": "<b>\u202emodel.pt", "sha256": "2" * 64, "bytes": 31_400_000},
        {"name": "huge.png", "sha256": "3" * 64, "bytes": 50_000_000},
    ]
    text = shown(artifacts.artifacts(job(), {"token": 7, "artifacts": kept})).replace("\\u002f", "/")

    assert text.count("/picture") == 1
    assert "/jobs/jaaaaaaaaaaaa/artifacts/7/0/picture" in text
    assert all(f'"/jobs/jaaaaaaaaaaaa/artifacts/7/{number}"' in text for number in range(4))
    assert all(size in text for size in ("2.5 KB", "10 bytes", "31 MB", "50 MB"))
    assert "\\u202e" not in text
    assert "kept none" in shown(artifacts.artifacts(job(), {}))


def agent(**heard: Any) -> dict[str, Any]:
    base = {
        "seconds_ago": 1,
        "slots": 2,
        "free": 2,
        "guest": {"accepting": True, "reason": ""},
        "degraded": "",
    }
    return {"name": "attic", "slots": 2, "facts": {"cores": 8}, "online": True, "heard": {**base, **heard}}


def test_a_machine_says_why_it_does_nothing() -> None:
    assert machines.state_of(agent(), []) == ("idle", "Ready for work.")
    assert machines.state_of(agent(), [job()])[0] == "working"
    resting = agent(guest={"accepting": False, "reason": "somebody plays a game"})
    assert machines.state_of(resting, []) == ("resting", "Somebody plays a game")
    assert machines.state_of(resting, [job()])[1] == "Takes nothing new: somebody plays a game"
    assert machines.state_of({**agent(), "online": False}, [job()])[0] == "away"
    assert machines.state_of({**agent(), "heard": None}, [])[0] == "unknown"
    assert machines.state_of(agent(degraded="the disk is full"), [job()]) == ("resting", "the disk is full")
    assert "idlehands agent" in shown(machines.none_yet())


@pytest.mark.parametrize(
    ("guest", "says"),
    [
        ({"reason": "someone is typing", "frozen": 1}, "Paused: someone is typing"),
        (
            {"reason": "paused from the house until 18:30", "frozen": 1},
            "Paused from the house until 18:30",
        ),
        (
            {"reason": "the house lets it finish what it has and take nothing new until 18:30"},
            "The house lets it finish what it has and take nothing new until 18:30",
        ),
        ({"reason": ""}, "Takes nothing new: its owner lets no jobs run now"),
    ],
)
def test_a_machine_that_rests_says_it_once(guest: dict[str, Any], says: str) -> None:
    assert machines.state_of(agent(guest={"accepting": False, **guest}), [job()]) == ("resting", says)


def test_a_worker_of_a_service_takes_no_slot_on_the_card() -> None:
    serving = job()
    serving["spec"] = {**serving["spec"], "serves": {"service": "encode", "version": 1}}
    card = machines.card(agent(), [job(), serving], {})

    assert [one["serves"] for one in card["jobs"]] == [False, True]
    assert (card["busy"], card["slots_words"]) == (1, "1 of 2 slots busy")


def test_a_card_is_plain_data() -> None:
    card = machines.card(agent(), [job(claimed_at=1.0)], {"jaaaaaaaaaaaa": 140.0})

    assert card["jobs"] == [
        {"id": "jaaaaaaaaaaaa", "name": "t", "since": 1.0, "percent": 100.0, "serves": False}
    ]
    assert (card["slots"], card["busy"], card["about"]) == (2, 1, "8 cores")
    assert json.loads(json.dumps(card)) == card


@pytest.mark.parametrize(
    ("isolation", "words"),
    [
        (["basic", "strict"], "8 cores \N{MIDDLE DOT} can isolate strictly"),
        (["strict"], "8 cores \N{MIDDLE DOT} isolation strict"),
        (["none"], "8 cores \N{MIDDLE DOT} isolation none"),
        (["basic"], "8 cores"),
    ],
)
def test_a_card_says_how_well_jobs_are_isolated(isolation: list[str], words: str) -> None:
    machine = {**agent(), "facts": {"cores": 8, "isolation": isolation}}

    assert machines.card(machine, [], {})["about"] == words


def test_counts_show_what_matters() -> None:
    assert len(counts.tiles({})) == 4
    assert len(counts.tiles({"dead": 1, "held": 2})) == 6
    assert "is-chosen" in shown(counts.filters({}, JobsAsked(status="dead")))


def test_points_become_series_of_the_latest_attempt_each_once() -> None:
    points = [
        {"token": 1, "seq": 0, "metrics": {"old": 1.0}},
        {"token": 2, "seq": 1, "step": 10.0, "metrics": {"loss": 2.0}},
        {"token": 2, "seq": 0, "metrics": {"loss": None, "acc": 0.5}},
        {"token": 2, "seq": 1, "step": 10.0, "metrics": {"loss": 2.0}},
    ]
    found = series.by_metric(series.of_latest(points))

    assert list(found) == ["loss", "acc"]
    assert (found["loss"].x, found["loss"].y) == ([0.0, 10.0], [None, 2.0])


def test_what_the_agent_measured_is_no_metric_and_has_charts_of_its_own() -> None:
    points = [
        {"token": 1, "seq": 0, "step": 1.5, "metrics": {CPU: 50.0, MEMORY: 10.4}},
        {"token": 1, "seq": 1, "step": 1.0, "metrics": {"loss": 2.0}},
        {"token": 1, "seq": 2, "step": 300.0, "metrics": {CPU: 150.0, MEMORY: 9.0}},
    ]
    used = series.of_resources(points)

    assert list(series.by_metric(points)) == ["loss"]
    assert (used[CPU].x, used[CPU].y, list(used)) == ([1.5, 300.0], [50.0, 150.0], [CPU, MEMORY])
    assert figures.usage(used[CPU])["data"][0]["x"] == [0.025, 5.0]
    assert "150, at most 150" in shown(charts.usage(used, "j1"))
    assert "9, at most 10" in shown(charts.usage(used, "j1"))
    assert "second" in shown(charts.usage({}, "j1"))


def test_a_job_that_may_hang_is_pointed_out_until_it_does_something() -> None:
    points = [
        {"token": 1, "seq": 0, "step": 400.0, "metrics": {CPU: 0.0, MEMORY: 9.0, QUIET: 330.0}},
        {"token": 1, "seq": 1, "step": 500.0, "metrics": {CPU: 90.0, MEMORY: 9.0}},
    ]

    assert "it may hang" in shown(charts.usage(series.of_resources(points[:1]), "j1"))
    assert "idlehands stacks j1" in shown(charts.usage(series.of_resources(points[:1]), "j1"))
    assert "hang" not in shown(charts.usage(series.of_resources(points), "j1"))


def test_thinning_keeps_the_ends() -> None:
    long = series.Series([float(x) for x in range(10_001)], [float(x) for x in range(10_001)])
    thin = long.thinned(100)

    assert len(thin.x) <= 102
    assert (thin.x[0], thin.x[-1]) == (0.0, 10_000.0)


def test_parallel_coordinates_leave_out_what_never_varies_and_mark_the_best() -> None:
    trials = [Trial(n, {"lr": 10.0**-n, "kind": "ab"[n % 2], "same": 1}, float(n)) for n in range(1, 5)]
    figure = parallel(trials, "loss", minimize=True, logarithmic=frozenset({"lr"}))
    names = [one["text"] for one in figure["layout"]["annotations"] if one["y"] > 1]

    assert names == ["<b>lr</b>", "<b>kind</b>", "<b>loss</b>"]
    assert figure["data"][-1]["line"]["color"] == figures.ACCENT
    assert figure["data"][-1]["text"][0] == "trial 1: 1"
    assert json.loads(shown(figure))


@pytest.mark.parametrize(
    "values", [[1, 1], [None, 2.0], [True, False], ["a", 1], [[1], [2]], [0.0, -5.0], [None]]
)
def test_every_kind_of_value_has_a_place_on_its_axis(values: list[Any]) -> None:
    axis = make_axis("x", values, True)
    assert all(place is None or 0 <= place <= 1 for place in axis.places)


def test_words_in_figures_are_no_tags() -> None:
    trials = [Trial(n, {"<a href=x>": f"<b>{n}"}, float(n)) for n in range(3)]
    text = shown(parallel(trials, "<i>loss", minimize=False))
    assert "<a href" not in text
    assert "<i>" not in text


def trial(number: int, **result: Any) -> dict[str, Any]:
    return {
        "trial": number,
        "job": f"j{number}",
        "status": "succeeded",
        "params": {"lr": number},
        "result": {"result": result, "duration_seconds": 1.0},
        "agent": "attic",
    }


def of_sweep(**more: Any) -> dict[str, Any]:
    base = {
        "id": "s",
        "spec": {"job": job()["spec"], "space": {}},
        "status": "running",
        "succeeded": 1,
        "unsuccessful": 1,
        "live": 2,
        "proposed": 4,
        "exhausted": False,
        "submitter": "cli",
        "submitted_at": 1.0,
    }
    return {**base, **more}


def test_the_best_of_a_sweep_is_by_its_own_direction() -> None:
    trials = [trial(0, loss=3.0), trial(1, loss=1.0), trial(2, loss="nan"), trial(3)]
    values = sweep.with_values(trials, "loss")

    assert sweep.metric_of(of_sweep(), trials) == "loss"
    assert sweep.best_of(values, minimize=True) == values[1]
    assert sweep.best_of(values, minimize=False) == values[0]
    assert sweep.best_of([], minimize=True) is None
    assert "2 of 10 trials ended, 2 under way, 1 without a result" in shown(sweep.status(of_sweep(), []))
    assert shown(sweep.best(of_sweep(), []))
    assert shown(sweep.coordinates(of_sweep(), [])[0])
    assert shown(sweep.curves(of_sweep(), [], {}))


def test_lines_of_a_log_come_once_in_order_and_gaps_are_said() -> None:
    lines = Lines()
    assert lines.add(1, 0, ["a", "b"]) == ["a", "b"]
    assert lines.add(1, 1, ["b", "c"]) == ["c"]
    assert lines.add(1, 0, ["a"]) == []
    assert lines.add(1, 5, ["f"]) is None
    assert lines.are_missing
    assert lines.all()[3].endswith("2 lines are missing here")
    assert lines.add(1, 3, ["d", "e"]) is None
    assert lines.all() == ["a", "b", "c", "d", "e", "f"]
    assert lines.add(2, 0, ["again"]) is None
    assert lines.add(1, 6, ["late"]) == []
    assert lines.all() == ["again"]


def test_a_log_is_bounded() -> None:
    lines = Lines()
    lines.add(1, 0, (f"line {number}" for number in range(LINES_KEPT + 10)))
    assert len(lines.all()) == LINES_KEPT
    assert not lines.are_missing
    assert lines.all()[0] == "line 10"
