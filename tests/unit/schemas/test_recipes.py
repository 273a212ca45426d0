"""What a script says that it needs is found in one order, and what cannot travel is refused in words."""

import pytest

from schemas.recipes import Recipe, RecipeBroken, find_header, find_recipe

HEADER = '# /// script\n# requires-python = ">=3.11"\n# dependencies = ["numpy>=2", "rich"]\n# ///\n'
PROJECT = '[project]\nname = "x"\nversion = "1"\nrequires-python = ">=3.10"\ndependencies = ["numpy"]\n'


def find(**files: str) -> Recipe | None:
    """Return the recipe of `train.py` among files; `_` in a name is a dot, `__` a slash."""
    held = {name.replace("__", "/").replace("_", "."): text.encode() for name, text in files.items()}
    return find_recipe("train.py", held.get)


def test_a_header_comes_first_and_is_taken_alone() -> None:
    recipe = find(train_py=f"#!/usr/bin/env python\n{HEADER}\nprint()\n", requirements_txt="pandas\n")

    assert recipe is not None
    assert (recipe.kind, recipe.source, recipe.requires_python) == (
        "header",
        "the header of train.py",
        ">=3.11",
    )
    assert recipe.files == {"script.py": HEADER.encode()}


def test_what_follows_a_header_is_no_part_of_what_is_built() -> None:
    first, second = find(train_py=f"{HEADER}print(1)\n"), find(train_py=f"{HEADER}print(2)\n")

    assert first == second


@pytest.mark.parametrize(
    ("files", "kind"),
    [
        ({"pyproject_toml": PROJECT, "uv_lock": "version = 1\n", "requirements_txt": "a"}, "lock"),
        ({"pyproject_toml": PROJECT, "requirements_txt": "a"}, "requirements"),
        ({"pyproject_toml": PROJECT}, "pyproject"),
        ({"pyproject_toml": "[tool.ruff]\nline-length = 100\n"}, None),
        ({"uv_lock": "version = 1\n"}, None),
        ({}, None),
    ],
)
def test_files_beside_the_script_have_an_order(files: dict[str, str], kind: str | None) -> None:
    recipe = find(train_py="print()\n", **files)

    assert (recipe.kind if recipe else None) == kind


def test_requirements_bring_the_files_that_they_name() -> None:
    recipe = find(
        train_py="",
        requirements_txt="-r more/base.txt\n--constraint=pins.txt\n./wheels/tiny.whl ; python_version>'3'\n",
        more__base_txt="numpy  # as ever\n-c ../pins.txt\n--extra-index-url https://user:word@index.example/simple\n",
        pins_txt="numpy==2.0 \\\n  --hash=sha256:00\n",
        wheels__tiny_whl="PK",
    )

    assert recipe is not None
    assert set(recipe.files) == {"requirements.txt", "more/base.txt", "pins.txt", "wheels/tiny.whl"}
    assert next(iter(recipe.files)) == "requirements.txt"
    assert recipe.hosts == ("index.example",)


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ("-r ../base.txt", "outside of the script's folder"),
        ("-r /etc/base.txt", "not below the script's folder"),
        ("-r https://example.org/base.txt", "not below the script's folder"),
        ("-r base.txt", "is not there"),
        ("-c missing/pins.txt", "is not there"),
        ("-e .", "build a wheel"),
        ("--editable ./lib", "build a wheel"),
        ("./lib", "build a wheel"),
        ("lib @ ./lib", "build a wheel"),
        ("../tiny-1.0-py3-none-any.whl", "outside of the script's folder"),
        ("/tmp/tiny-1.0-py3-none-any.whl", "outside of the script's folder"),
        ("tiny @ file:///tmp/tiny-1.0-py3-none-any.whl", "below the script's folder"),
        ("--find-links ./wheels", "a folder of this machine"),
        ("--index-url file:///srv/simple", "a folder of this machine"),
    ],
)
def test_requirements_on_another_machine_are_refused(line: str, words: str) -> None:
    with pytest.raises(RecipeBroken, match=words):
        find(train_py="", requirements_txt=f"numpy\n{line}\n")


@pytest.mark.parametrize(
    "line",
    [
        "numpy",
        "torch~=2.5",
        "a[b,c]>=1; python_version<'4'",
        "x @ https://e.org/x.whl",
        "--pre",
        "-i https://e.org",
    ],
)
def test_requirements_that_travel_are_taken(line: str) -> None:
    assert find(train_py="", requirements_txt=f"{line}\n") is not None


@pytest.mark.parametrize(
    ("files", "words"),
    [
        ({"train_py": HEADER + "\n" + HEADER}, "PEP 723 allows one"),
        ({"train_py": "# /// script\n# dependencies = [\n# ///\n"}, "no TOML"),
        ({"train_py": "# /// script\n# dependencies = 'numpy'\n# ///\n"}, "list of strings"),
        ({"train_py": "# /// script\n# dependencies = ['../lib']\n# ///\n"}, "build a wheel"),
        ({"train_py": "# /// script\n# dependencies = ['--pre']\n# ///\n"}, "is no package"),
        ({"train_py": "# /// script\n# requires-python = '--default'\n# ///\n"}, "no version"),
        (
            {"train_py": "# /// script\n# [tool.uv.sources]\n# a = {path = '/srv/a'}\n# ///\n"},
            "from a folder",
        ),
        ({"pyproject_toml": "[project]\ndynamic = ['dependencies']\n"}, "dynamic"),
        ({"pyproject_toml": PROJECT + "[tool.uv.sources]\na = {workspace = true}\n"}, "from a folder"),
        (
            {
                "pyproject_toml": PROJECT,
                "uv_lock": "[[package]]\nname = 'a'\nsource = {directory = '../a'}\n",
            },
            "not in the bundle",
        ),
    ],
)
def test_what_cannot_be_used_is_said(files: dict[str, str], words: str) -> None:
    with pytest.raises(RecipeBroken, match=words):
        find(**{"train_py": "", **files})


def test_long_files_are_read_once() -> None:
    # Patterns that go back at each of these would take hours.
    many = 200_000
    spaces = " " * 60_000
    assert find_header(b"# /// script\n" * many) is None
    assert find(train_py="", requirements_txt=f"a{spaces}b\n{'x' * 60_000}: # {' #' * many}\n") is not None
    with pytest.raises(RecipeBroken, match="too long"):
        find(train_py="", requirements_txt=f"x{' ' * many}@ y\n")
    with pytest.raises(RecipeBroken, match="no TOML"):
        find(train_py="", pyproject_toml="[" * many)


def test_blocks_of_other_tools_are_no_headers_and_an_end_within_one_is_not_its_end() -> None:
    other = "# /// pyproject\n# dependencies = [1]\n# ///\n\n"
    inner = '# /// script\n# a = """\n# ///\n# """\n# ///\n'

    assert find_header((other + inner + "print()\n").encode()) == inner
    assert find_header(b"# /// script\n# ///\n") is None


def test_a_header_that_no_block_ends_is_none() -> None:
    assert find_header(b"# /// script\n# dependencies = []\nprint()\n") is None
    assert find_header(b"print('# /// script')\n") is None
    assert find_header(HEADER.replace("\n", "\r\n").encode()) == HEADER


def test_the_project_itself_in_a_lock_is_no_folder_elsewhere() -> None:
    lock = "version = 1\n[[package]]\nname = 'x'\nsource = {editable = '.'}\n"
    recipe = find(train_py="", pyproject_toml=PROJECT, uv_lock=lock)

    assert recipe is not None
    assert set(recipe.files) == {"pyproject.toml", "uv.lock"}
