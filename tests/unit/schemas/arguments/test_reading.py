"""Arguments of scripts as they are in the wild, read without running them: each raises SystemExit if run."""

import time
from pathlib import Path
from typing import Any

import msgspec
import pytest

from schemas.arguments.reading import read_script
from schemas.arguments.vocabulary import Script

CORPUS = Path(__file__).parent / "corpus"
ROOT = Path(__file__).parents[4]


def read(name: str) -> Script:
    return read_script((CORPUS / f"{name}.py.txt").read_bytes())


@pytest.mark.parametrize(
    "file", sorted(CORPUS.glob("*.py.txt")), ids=lambda file: file.name.partition(".")[0]
)
def test_each_script_of_the_corpus_is_read_as_its_file_says(file: Path) -> None:
    expected = msgspec.json.decode(file.with_name(file.name.replace(".py.txt", ".json")).read_bytes())

    assert msgspec.json.decode(msgspec.json.encode(read_script(file.read_bytes()))) == expected


def test_an_argparse_script_as_of_pytorchs_examples() -> None:
    script = read("mnist")

    assert (script.framework, script.more, script.about) == ("argparse", False, "PyTorch MNIST Example")
    assert [one.name for one in script.arguments] == [
        "batch_size",
        "lr",
        "no_accel",
        "dry_run",
        "seed",
        "amp",
    ]
    assert [one.kind for one in script.arguments] == ["int", "float", "bool", "bool", "int", "bool"]
    amp = script.arguments[-1]
    assert (amp.default, amp.flag, amp.off, amp.help) == (True, "--amp", "--no-amp", "mixed precision")


def test_constants_loops_enums_and_functions_of_the_script_are_followed() -> None:
    found = {one.name: one for one in read("groups").arguments}

    assert found["learning_rate"].help == "step, 0.001 by default, 5%"
    assert found["learning_rate"].flag == "--learning_rate"
    # The source has no word --weight_decay, so only the flag itself is spelled so.
    assert found["--weight_decay"].default == 0.1
    assert found["size"].choices == ("small", "large")
    assert found["color"].choices == ("red", "blue")
    assert found["heads"].choices == (1, 3, 5, 7)
    assert found["batch_size"].default == 32
    assert found["output"].default == "out/runs"
    assert (found["workers"].default, found["workers"].computed) == (None, "os.cpu_count()")
    assert found["table"].required
    assert not found["extra"].required
    assert (found["betas"].count, found["betas"].default) == (2, [0.9, 0.999])


def test_what_cannot_be_followed_leaves_the_answer_open() -> None:
    script = read("open")

    assert script.more
    assert [one.name for one in script.arguments] == ["lr"]


def test_tyro_classes_are_read_with_bases_comments_and_nested_ones() -> None:
    found = {one.name: one for one in read("cleanrl").arguments}

    assert found["seed"].help == "seed of the experiment"
    assert found["optim.lr"].help == "the learning rate"
    assert found["env_id"].help == "which environment"
    assert found["mode"].choices == ("FAST", "SLOW")
    assert found["data"].flag == ""
    assert "batch_size" not in found


def test_the_scripts_that_ship_are_read_in_full() -> None:
    for file in sorted((ROOT / "scripts").glob("*.py")):
        script = read_script(file.read_bytes())
        if not file.name.startswith("_") and "add_argument" in file.read_text():
            assert script.arguments, file.name
            assert not script.more, file.name
            assert script.about, file.name


DEEP = 20_000
HOSTILE: dict[str, Any] = {
    "nothing": b"",
    "no Python": b"def (",
    "a NUL": b"x = 1\0",
    "parentheses": b"(" * DEEP,
    "brackets": b"[" * 90 + b"]" * 90,
    "minus": b"-" * DEEP + b"1",
    "attributes": b"a" + b".a" * DEEP,
    "sums": b"a" + b"+a" * DEEP,
    "calls": b"a" + b"()" * DEEP,
    "else after else": b"if a: pass\n" + b"elif a: pass\n" * DEEP,
    "blocks in blocks": b"".join(b" " * deep + b"if a:\n" for deep in range(99)) + b" " * 99 + b"pass",
    "f-strings": b"f'{" * 50 + b"}'" * 50,
    "an unknown encoding": b"# -*- coding: klingon -*-\nx = 1\n",
    "a wrong encoding": b"# -*- coding: utf-8 -*-\nx = '\xff\xfe'\n",
    "a codec that is no encoding": b"# -*- coding: zlib -*-\nx = 1\n",
    "UTF-16": "import argparse".encode("utf-16"),
    "5 MB": b"x = 1\n" * 900_000,
    "a long literal": b"import argparse\np.add_argument('--x', choices=[" + b"1," * 30_000 + b"])",
    "a long number": b"p.add_argument('--x', type=int, default=0x" + b"f" * 200_000 + b")",
    "a power": b"p.add_argument('--x', default=9**9**9**9)",
    "a long power": b"p.add_argument('--x', default=" + b"9**" * 80 + b"9)",
    "a large text": b"p.add_argument('--x', default='a' * 10**12, help=f'{'b' * 10**12}')",
    "names that name each other": b"a = b\nb = a\np.add_argument('--x', default=a)",
    "a list in itself": b"a = [a, a, a]\np.add_argument('--x', default=a)",
    "doubling": b"\n".join(b"a%d = [a%d, a%d]" % (n + 1, n, n) for n in range(40))
    + b"\na0 = 1\np.add_argument('--x', default=a40)",
    "an enum in itself": b"import enum\nclass C(enum.Enum):\n A = C.A\np.add_argument('--x', choices=C)",
    "a class over itself": b"import tyro\nclass A(B): x: 'A' = A()\nclass B(A): y: 'B' = B()\ntyro.cli(A)",
    "loops in loops": b"".join(b" " * n + b"for x%d in range(100):\n" % n for n in range(15))
    + b" " * 15
    + b"p.add_argument(f'--{x0}')",
    "a parser in itself": b"p = ArgumentParser()\nq = ArgumentParser(parents=[p, q])\n"
    b"def f(p): f(p); p.add_argument('--x')\nf(p)",
    "a type in itself": b"import typer\nA = list[A] | A\ndef f(x: A = 1): pass\ntyper.run(f)",
    "types in text": b"import typer\ndef f(x: 'list[' = 1, y: '"
    + b"-" * 900
    + b"1' = 2): pass\ntyper.run(f)",
    "a lone surrogate": b"p.add_argument('--x', default='\\ud800', help='\\ud800')",
    "stars": b"p.add_argument(*x, **y)\np.add_argument()\np.add_argument(1)\np.add_argument('')",
    "no name": b"import click as c\n@c.command()\n@c.option('--')\n@c.option('/')\n@c.argument('')\n"
    b"def f(): pass",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_source_hangs_or_fells_the_reader(name: str) -> None:
    began = time.process_time()

    script = read_script(HOSTILE[name])

    assert time.process_time() - began < 5
    msgspec.json.decode(msgspec.json.encode(script))


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("5 MB", "has 5400000 bytes"),
        ("no Python", "no Python that could be read: line 1"),
        ("an unknown encoding", "unknown encoding"),
        ("UTF-16", "cannot be read"),
        ("sums", "nested too deep"),
    ],
)
def test_what_cannot_be_read_is_said_in_words(name: str, words: str) -> None:
    script = read_script(HOSTILE[name])

    assert words in script.trouble
    assert script.more


def test_text_with_a_lone_surrogate_is_no_more_than_text() -> None:
    assert read_script("x = '\ud800'").trouble
