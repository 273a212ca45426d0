"""Parameters are held against what a script takes, where they are made."""

from pathlib import Path
from typing import Any

import pytest

from schemas.arguments.checking import find_problems
from schemas.arguments.reading import read_script
from schemas.specs import Choice, FloatRange, IntRange

CORPUS = Path(__file__).parent / "corpus"


def problems(script: str, /, *argv: str, space: dict[str, Any] | None = None, **params: Any) -> list[str]:
    source = (CORPUS / f"{script}.py.txt").read_text()
    return find_problems(read_script(source), source, params, argv=argv, space=space)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("mnist", {"batch_size": 3, "lr": 0.5, "dry_run": True, "amp": True, "no_amp": True}),
        ("mnist", {"lr": 1, "batch-size": "64", "--seed": 5, "dry_run": False, "seed": None}),
        # argparse takes the beginning of a flag for it.
        ("mnist", {"batch": 3}),
        ("groups", {"steps": 1, "learning_rate": 0.1, "betas": [0.1, 0.2], "columns": ["a", "b"], "n": 3}),
        ("click_one", {"kernel": "RBF", "trees": 500, "shuffle": True, "no_shuffle": True}),
        ("typer_one", {"name": "x", "lr": 0.5, "net": "big-net", "betas": [1, 2]}),
        ("cleanrl", {"needed": 1, "optim.lr": 1e-3, "mode": "FAST", "exp_name": "x", "layers": [1, 2]}),
        ("cleanrl", {"needed": 1, "no_cuda": True, "target_kl": 0.1}),
        ("open", {"anything": 1, "lr": 0.1}),
        ("subcommands", {"epochs": 2}),
    ],
)
def test_what_a_script_takes_is_no_problem(name: str, params: dict[str, Any]) -> None:
    words = {"groups": ["x.csv"], "click_one": ["x"], "typer_one": ["x"], "subcommands": ["train"]}

    assert problems(name, *words.get(name, []), **params) == []


@pytest.mark.parametrize(
    ("name", "params", "words"),
    [
        ("mnist", {"lear": 1}, "The script has no lear. Did you mean lr?"),
        ("mnist", {"epocs": 1}, "The script has no epocs. It has amp, batch_size, dry_run"),
        ("mnist", {"batchsize": 1}, "Did you mean batch_size?"),
        ("mnist", {"batch_size": "many"}, "batch_size takes a whole number, not 'many'"),
        ("mnist", {"batch_size": 1.5}, "batch_size takes a whole number, not '1.5'"),
        ("mnist", {"lr": [1, 2]}, "lr takes one value, not 2"),
        ("mnist", {"lr": True}, "lr takes a number"),
        ("mnist", {"dry_run": "yes"}, "dry_run is switched on or off"),
        ("mnist", {"amp": False}, "no_amp=true switches it off"),
        ("mnist", {"": 1}, "empty name"),
        ("groups", {"betas": 1}, "betas takes 2 values, not one"),
        ("groups", {"betas": [1]}, "betas takes 2 values, not 1"),
        ("groups", {"size": "huge"}, "size is one of small, large, not 'huge'"),
        ("groups", {"heads": 2}, "heads is one of 1, 3, 5, 7"),
        ("groups", {"layer": [1, 2]}, "`--layer 1 --layer 2`"),
        ("groups", {"table": "x.csv"}, "table has no flag"),
        ("click_one", {"trees": 501}, "trees is at most 500, not 501"),
        ("typer_one", {"lr": -0.1}, "lr is at least 0, not -0.1"),
        ("cleanrl", {"optim.rl": 1}, "Did you mean optim.lr?"),
        ("tyro_function", {}, "steps is missing"),
    ],
)
def test_what_it_does_not_take_is_said_with_the_nearest_name(
    name: str, params: dict[str, Any], words: str
) -> None:
    assert any(words in one for one in problems(name, **params)), problems(name, **params)


@pytest.mark.parametrize(
    ("dimension", "words"),
    [
        ({"batch_size": FloatRange(8, 64)}, "batch_size takes whole numbers: give a range of them"),
        ({"dry_run": IntRange(0, 1)}, "dry_run=true,false"),
        ({"dry_run": Choice((True, False))}, ""),
        ({"amp": Choice((True, False))}, "no_amp=true"),
        ({"lr": FloatRange(1e-4, 1e-1, True)}, ""),
        ({"lr": IntRange(1, 3)}, ""),
        ({"lr": Choice((0.1, "fast"))}, "lr takes a number, not 'fast'"),
        ({"rate": FloatRange(0, 1)}, "The script has no rate"),
        ({"seed": {"type": "something new"}}, ""),
    ],
)
def test_a_space_is_held_against_it_too(dimension: dict[str, Any], words: str) -> None:
    found = problems("mnist", space=dimension)

    assert (words in " ".join(found)) if words else not found


def test_words_are_known_flags_or_said_not_to_be() -> None:
    assert problems("mnist", "--lr", "1", "-x", "--seed=3", "--", "--what") == []
    assert "has no --epochs" in problems("mnist", "--epochs", "3")[0]
    assert "lr takes a number, not 'fast'" in problems("mnist", "--lr", "fast")[0]
    assert "seed takes a whole number" in problems("mnist", "--dry-run", "--seed=1.5")[0]
    assert problems("mnist", "--seed", "-1", "--lr", "--amp", "--lr") == []
    assert "size is one of" in problems("groups", "x", "--size", "huge", "-n", "1")[0]


def test_nothing_is_said_of_what_is_not_known() -> None:
    assert find_problems(read_script("import sys; print(sys.argv)"), "", {"x": 1}) == []
    assert find_problems(read_script("def ("), "", {"x": 1}) == []
    assert (
        find_problems(read_script((CORPUS / "mnist.py.txt").read_text()), "", {"x": 1}, style="stdin") == []
    )
