"""A script's own arguments make a space to begin with."""

from pathlib import Path

import pytest

from idlehands.cli.words import parse_space
from schemas.arguments.checking import find_problems
from schemas.arguments.reading import read_script
from schemas.arguments.suggesting import suggest_space
from schemas.arguments.vocabulary import Argument, Script

ROOT = Path(__file__).parents[4]
CORPUS = sorted((Path(__file__).parent / "corpus").glob("*.py.txt"))


def test_numbers_are_searched_around_their_defaults_and_what_is_no_matter_of_quality_is_left() -> None:
    assert suggest_space(read_script((ROOT / "scripts" / "train_mlp.py").read_bytes())) == {
        "learning_rate": "log:0.0001..0.01",
        "layers": "1..4",
        "hidden": "32..128",
        "dropout": "0.0..0.5",
        "batch_size": "16..64",
    }


@pytest.mark.parametrize(
    ("argument", "space"),
    [
        (Argument("net", "--net", choices=("small", "big")), {"net": "small,big"}),
        (Argument("net", "--net", choices=("a,b", "c")), {}),
        (Argument("amp", "--amp", "bool", True, off="--no-amp"), {"no_amp": "true,false"}),
        (Argument("amp", "--amp", "bool", False, off="--no-amp"), {"amp": "true,false"}),
        (Argument("gamma", "--gamma", "float", 0.99), {"gamma": "0.5..0.999"}),
        (Argument("scale", "--scale", "float", 10.0), {"scale": "log:1.0..100.0"}),
        (Argument("share", "--share", "float", 0.5, low=0, high=1), {"share": "0.0..1.0"}),
        (Argument("trees", "--trees", "int", 100, low=60, high=150), {"trees": "60..150"}),
        (Argument("trees", "--trees", "int", None, low=1, high=9), {"trees": "1..9"}),
        (Argument("trees", "--trees", "int", 1, low=1, high=1), {}),
        (Argument("offset", "--offset", "float", -1.0), {}),
        (Argument("name", "--name"), {}),
        (Argument("random_seed", "--random-seed", "int", 5), {}),
        (Argument("table", "", "int", 5), {}),
        (Argument("sizes", "--sizes", "int", [5], many=True), {}),
    ],
)
def test_each_kind_has_its_space(argument: Argument, space: dict[str, str]) -> None:
    assert suggest_space(Script(arguments=(argument,))) == space


@pytest.mark.parametrize("file", CORPUS, ids=lambda file: file.name.partition(".")[0])
def test_what_is_suggested_is_what_sweep_takes_and_the_script_too(file: Path) -> None:
    script, source = read_script(file.read_bytes()), file.read_text()
    space = parse_space([f"{name}={text}" for name, text in suggest_space(script).items()])

    found = find_problems(script, source, {}, argv=["words"], space=space)

    assert found == []
