"""Messages of schemas and REST become words for people."""

import msgspec
import pytest

from idlehands.cli.exits import code_of, tell
from idlehands.cli.plain import plain
from schemas.names import ParentId, ProjectName


class Asked(msgspec.Struct):
    project: ProjectName = "p"
    after: tuple[ParentId, ...] = ()


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"project": "a b"}, "project must be 1 to 63 letters, digits, dots, _ and -"),
        ({"after": ["foo"]}, "after must be the id of a job or sweep"),
    ],
)
def test_a_pattern_becomes_words(given: object, words: str) -> None:
    with pytest.raises(msgspec.ValidationError) as refused:
        msgspec.convert(given, Asked)

    text = plain(f"This cannot be submitted: {refused.value}")

    assert text.startswith(f"This cannot be submitted: {words}")
    assert "regex" not in text


@pytest.mark.parametrize(
    ("said", "words"),
    [
        (
            "There is no model 'x@3'. The list of models has the ids there are.",
            "There is no model 'x@3': `idlehands models list` shows all",
        ),
        (
            "There is no model 'x@default'. The list of models has the ids there are.",
            "There is no model 'x': `idlehands models list` shows all",
        ),
        ("There is no hook 'x'.", "There is no hook 'x': `idlehands hook list` shows all"),
        ("There is no space left.", "There is no space left."),
        (
            "This token is not valid here (any more).",
            "This token is not valid here (any more). `idlehands token create --role operator --name NAME` "
            "on the HQ host makes another.",
        ),
        (
            "Query.agent: String should match pattern '^[a-z0-9][a-z0-9-]{0,31}$'.",
            "agent must be 1 to 32 of a-z, 0-9 and -, beginning with a letter or digit.",
        ),
    ],
)
def test_the_command_is_named_that_shows_what_there_is(said: str, words: str) -> None:
    assert plain(said) == words


def test_a_file_that_this_user_may_not_read_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    denied = PermissionError(13, "Permission denied", "/srv/of-others/x")

    assert code_of(denied) == 1
    tell(denied)
    assert capsys.readouterr().err.startswith("Error: Cannot use /srv/of-others/x: Permission denied.")
    assert code_of(OSError("who knows")) is None


@pytest.mark.parametrize("text", ["bad.yaml is no YAML", "jaaaaaaaaaaaa does not run"])
def test_a_name_at_the_beginning_stays_as_it_is(text: str, capsys: pytest.CaptureFixture[str]) -> None:
    tell(ValueError(text))

    assert capsys.readouterr().err == f"Error: {text}.\n"
