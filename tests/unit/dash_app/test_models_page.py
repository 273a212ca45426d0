"""Models on the page: where each stands, what can become of it and by whom, and a card that is only text."""

from typing import Any

from plotly.io.json import to_json_plotly

from dash_app.addresses import View, parse
from dash_app.presenters import registry
from dash_app.presenters.previews import blocks


def shown(component: Any) -> str:
    return str(to_json_plotly(component)).replace("\\u003c", "<").replace("\\u002f", "/")


def version(number: int, stage: str) -> dict[str, Any]:
    came = {
        "job": "jaaaaaaaaaaaa",
        "spec": {"script": {"entry": "train.py"}, "source": {"commit": "c" * 40}},
        "submitter": "olga",
        "metrics": {"r2": 0.81234, "name": "x", "is_good": True},
        "datasets": {"wine": "d" * 64},
        "sweep": "saaaaaaaaaaaa",
    }
    files = [{"name": "<b>model.pt", "sha256": "e" * 64, "bytes": 10}]
    return {
        "model": "wine", "version": number, "stage": stage, "files": files, "lineage": came,
        "by": "olga", "at": 1.0, "sha256": "f" * 64,
    }  # fmt: skip


def test_operators_can_do_with_a_version_what_its_stage_allows() -> None:
    model = {"name": "wine", "versions": [version(2, "none"), version(1, "production")]}

    text = shown(registry.versions(model, 2, may_change=True))

    assert "To production: wine version 2" in text
    assert "Remove: wine version 2" in text
    assert "To production: wine version 1" not in text
    assert "Remove: wine version 1" not in text
    assert "r2 0.8123" in text


def test_viewers_have_no_buttons() -> None:
    model = {"name": "wine", "versions": [version(1, "none")]}

    assert "Button" not in shown(registry.versions(model, 1, may_change=False))
    assert "Button" not in shown(registry.of_job([], may_change=False, has_files=True))
    assert "Register" in shown(registry.of_job([], may_change=True, has_files=True))
    assert "Register" not in shown(registry.of_job([], may_change=True, has_files=False))


def test_a_version_says_where_it_came_from() -> None:
    text = shown(registry.lineage(version(1, "staging")))

    assert all(one in text for one in ("jaaaaaaaaaaaa", "train.py", "c" * 40, "wine@dddddddddddd", "olga"))
    assert "/sweeps/saaaaaaaaaaaa" in text
    assert "model://wine@1" in shown(registry.files(version(1, "staging")))


def test_a_card_is_text_and_nothing_else() -> None:
    text = shown(
        registry.card(blocks("# A <img src=x>\n\n* one\n\n| a | b |\n|---|---|\n| 1 | 2 |\n\n```\nx\n```\n"))
    )

    assert "A <img src=x" in text
    assert "dangerously" not in text
    assert all(f'"{kind}"' in text for kind in ("Ul", "Table", "Pre"))


def test_models_have_addresses() -> None:
    assert parse("/models", "") == View("models")
    assert parse("/models/wine", "?version=3") == View("model", "wine", given=(("version", "3"),))
    assert parse("/models/Wine/x", "").kind == "nothing"
    assert registry.of_model("wine", 3) == "/models/wine?version=3"
