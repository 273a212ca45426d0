"""What of a message from outside becomes a parameter: only what was declared, only as it was declared."""

from typing import Any

import pytest

from hq.outside.mapping import Hook, Parameter, Submits, Unfit, Unwanted, check_taking, fill_in, find
from schemas.pipelines import PipelineSpec, Step
from schemas.specs import Fixed, IntRange, JobSpec, ScriptRef, SweepSpec

JOB = JobSpec(ScriptRef("0" * 64, "a.py"), {"epochs": 3, "mode": "usual"})


def hook(job: JobSpec | None = JOB, sweep: SweepSpec | None = None, **fields: Any) -> Hook:
    return Hook(name="push", submits=Submits(job, sweep), **fields)


def taken(message: Any, only: dict[str, Any] | None = None, **parameters: Parameter) -> dict[str, Any]:
    filled = fill_in(hook(parameters=parameters, only=only or {}), message)
    assert filled.job is not None
    return filled.job.params


def test_only_what_is_declared_is_read() -> None:
    message = {"after": "abc", "epochs": 900, "script": {"bundle": "f" * 64}, "name": "evil"}
    filled = fill_in(hook(parameters={"commit": Parameter("/after")}), message)
    assert filled.job is not None
    assert filled.job.params == {"epochs": 3, "mode": "usual", "commit": "abc"}
    assert filled.job.script == JOB.script
    assert filled.job.name == "push"


def test_a_declared_parameter_takes_the_place_of_the_templates() -> None:
    assert taken({"m": "fast"}, mode=Parameter("/m", choices=("fast", "slow")))["mode"] == "fast"


PIPELINE = PipelineSpec(
    (
        Step("prepare", JOB),
        Step("search", sweep=SweepSpec(JOB, {"x": IntRange(1, 2)}), after=("prepare",)),
    )
)


def test_a_pipelines_steps_get_their_parameters() -> None:
    takes = {"prepare/commit": Parameter("/after"), "search/epochs": Parameter("/n", "integer")}
    laid_down = Hook(name="push", submits=Submits(pipeline=PIPELINE), parameters=takes)
    check_taking(laid_down)

    found = fill_in(laid_down, {"after": "abc", "n": 7}).pipeline

    assert found is not None
    prepare, search = found.steps
    assert prepare.job is not None
    assert search.sweep is not None
    assert prepare.job.params == {"epochs": 3, "mode": "usual", "commit": "abc"}
    assert search.sweep.job.params == {"epochs": 7, "mode": "usual"}
    assert (found.name, search.after) == ("push", ("prepare",))


@pytest.mark.parametrize(
    ("pipeline", "name", "why"),
    [
        (PIPELINE, "commit", "names no step"),
        (PIPELINE, "train/commit", "names no step"),
        (PIPELINE, "prepare/", "names no step"),
        (PIPELINE, "prepare/-x", "cannot be the name"),
        (PipelineSpec((Step("a", JOB, after=("a",)),)), "a/x", "circle"),
        (PipelineSpec((Step("a", JOB, after=("b",)),)), "a/x", "no step"),
        (PipelineSpec((Step("a", JobSpec(ScriptRef("0" * 64, "../a.py"))),)), "a/x", "step 'a'"),
    ],
)
def test_a_pipeline_that_can_never_work_is_refused_when_it_is_laid_down(
    pipeline: PipelineSpec, name: str, why: str
) -> None:
    laid_down = Hook(name="push", submits=Submits(pipeline=pipeline), parameters={name: Parameter("/a")})

    with pytest.raises(Unfit, match=why):
        check_taking(laid_down)


def test_a_sweep_gets_its_parameters_as_well() -> None:
    sweep = SweepSpec(JOB, {"x": Fixed(1)})
    filled = fill_in(hook(None, sweep, parameters={"commit": Parameter("/after")}), {"after": "abc"})
    assert filled.sweep is not None
    assert filled.sweep.job.params["commit"] == "abc"


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("", (True, {"a": {"b": [1, {"c/d": 2, "e~f": 3}]}, "n": None})),
        ("/a/b/0", (True, 1)),
        ("/a/b/1/c~1d", (True, 2)),
        ("/a/b/1/e~0f", (True, 3)),
        ("/a/b/2", (False, None)),
        ("/a/b/01", (False, None)),
        ("/a/b/-1", (False, None)),
        ("/a/x", (False, None)),
        ("/a/b/0/deeper", (False, None)),
        ("/n", (False, None)),
    ],
)
def test_json_pointers_find_what_they_name(pointer: str, expected: tuple[bool, Any]) -> None:
    assert find({"a": {"b": [1, {"c/d": 2, "e~f": 3}]}, "n": None}, pointer) == expected


@pytest.mark.parametrize(
    ("one", "value"),
    [
        (Parameter(type="integer"), True),
        (Parameter(type="integer"), 1.5),
        (Parameter(type="integer"), "1"),
        (Parameter(type="integer"), 2**60),
        (Parameter(type="number"), "1"),
        (Parameter(type="number"), False),
        (Parameter(type="number", minimum=0, maximum=10), 10.1),
        (Parameter(type="number", minimum=0, maximum=10), -0.1),
        (Parameter(type="boolean"), 1),
        (Parameter(type="boolean"), "true"),
        (Parameter(), 5),
        (Parameter(), ["a"]),
        (Parameter(), {"a": 1}),
        (Parameter(max_length=3), "abcd"),
        (Parameter(choices=("a", "b")), "c"),
        (Parameter(), "--output=/etc/passwd"),
        (Parameter(), "data://secret"),
        (Parameter(), "result://jabcdefghijkl/x"),
        (Parameter(), "x file:///etc/passwd"),
        (Parameter(), "two\nlines"),
        (Parameter(), "\x1b[31m"),
    ],
)
def test_what_is_not_as_declared_is_refused(one: Parameter, value: Any) -> None:
    with pytest.raises(Unfit):
        taken(value, x=one)


@pytest.mark.parametrize(
    ("one", "value", "expected"),
    [
        (Parameter(type="integer"), 3.0, 3),
        (Parameter(type="number", minimum=0, maximum=10), 10, 10),
        (Parameter(type="number", minimum=0, maximum=10), 0, 0),
        (Parameter(type="boolean"), False, False),
        (Parameter(max_length=3), "abc", "abc"),
        (Parameter(), "https://example.org/x", "https://example.org/x"),
        (Parameter(choices=("--fast",)), "--fast", "--fast"),
        (Parameter("/not/there", default="usual"), {}, "usual"),
    ],
)
def test_what_is_as_declared_is_taken(one: Parameter, value: Any, expected: Any) -> None:
    found = taken(value, x=one)["x"]
    assert found == expected
    assert type(found) is type(expected)


def test_a_message_without_a_parameter_is_refused_and_says_which() -> None:
    with pytest.raises(Unfit, match=r"commit: there is nothing at '/after'"):
        taken({}, commit=Parameter("/after"))


def test_only_some_messages_are_wanted() -> None:
    only = {"/ref": "refs/heads/main", "/count": 1}
    assert taken({"ref": "refs/heads/main", "count": 1}, only)
    for other in (
        {"ref": "refs/heads/x", "count": 1},
        {"count": 1},
        {"ref": "refs/heads/main", "count": True},
    ):
        with pytest.raises(Unwanted):
            taken(other, only)


@pytest.mark.parametrize(
    "bad",
    [
        hook(None),
        hook(JOB, SweepSpec(JOB, {"x": Fixed(1)})),
        hook(JobSpec(ScriptRef("0" * 64, "../a.py"))),
        hook(parameters={"-x": Parameter()}),
        hook(parameters={"x": Parameter(type="integer", default="text")}),
        hook(parameters={"x": Parameter(type="number", maximum=5, default=6)}),
    ],
)
def test_what_can_never_work_is_refused_when_it_is_laid_down(bad: Hook) -> None:
    with pytest.raises(Unfit):
        check_taking(bad)
