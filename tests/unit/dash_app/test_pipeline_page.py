"""Pipelines in words: steps, the ways between them, and what can be done."""

from typing import Any

from dash_app.addresses import parse
from dash_app.presenters import pipelines


def step(name: str, status: str, **more: Any) -> dict[str, Any]:
    return {
        "name": name,
        "id": f"j{name[0] * 12}",
        "kind": "job",
        "status": status,
        "why": "",
        "waits_for": [],
        "after": [],
    } | more


def pipeline(**more: Any) -> dict[str, Any]:
    steps = [
        step("prepare", "succeeded", agent="attic"),
        step("search", "finished", kind="sweep", id="s" + "a" * 12, best=0.5, succeeded=3),
        step("train", "waiting", waits_for=["search"], after=["search"]),
        step("lost", "deleted"),
        step("wrong", "failed", why="exit 1 \u202e"),
    ]
    return {"pipeline": "p" + "a" * 12, "name": "wine", "status": "failed", "steps": steps} | more


def test_steps_lead_to_their_jobs_and_sweeps_and_say_how_they_stand() -> None:
    shown = str(pipelines.steps(pipeline()))

    assert f"/jobs/j{'p' * 12}" in shown
    assert f"/sweeps/s{'a' * 12}" in shown
    assert f"/jobs/j{'l' * 12}" not in shown, "what was deleted has no page"
    for words in ("best 0.5 of 3 trials", "for search", "on attic", "exit 1", "Waiting"):
        assert words in shown
    assert "\u202e" not in shown


def test_on_the_page_of_a_step_the_others_are_ways_and_itself_is_none() -> None:
    here = "j" + "p" * 12
    (panel,) = pipelines.panel(pipeline(), here)

    assert f"/jobs/{here}" not in str(panel)
    assert f"/sweeps/s{'a' * 12}" in str(panel)
    assert f"/pipelines/p{'a' * 12}" in str(panel)
    assert pipelines.panel(None, here) == []


def test_what_can_be_done_is_what_helps_now() -> None:
    assert "Cancel" in str(pipelines.actions("running", True))
    assert "Go on" in str(pipelines.actions("failed", True))
    assert pipelines.actions("succeeded", True) == pipelines.actions("running", False) == []
    again = str(pipelines.status(pipeline(retry_of="p" + "b" * 12)))
    assert "2 of 5 steps done" in again
    assert f"/pipelines/p{'b' * 12}" in again


def test_addresses_of_pipelines_are_checked() -> None:
    assert parse("/pipelines", "").kind == "pipelines"
    assert parse("/pipelines/p" + "a" * 12, "").identity == "p" + "a" * 12
    assert parse("/pipelines/nonsense", "").kind == "nothing"
