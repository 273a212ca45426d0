"""Files of chosen trials stand side by side: pictures first, each name a row, none where a trial has none."""

from typing import Any

from dash_app.presenters.compared_files import side_by_side


def kept(name: str, size: int = 9) -> dict[str, Any]:
    return {"name": name, "bytes": size, "sha256": ""}


TRIALS = [{"trial": 0, "job": "ja"}, {"trial": 3, "job": "jb"}]


def test_pictures_of_one_name_are_next_to_each_other() -> None:
    files = {"ja": (1, [kept("notes.txt"), kept("fit.png")]), "jb": (2, [kept("fit.png"), kept("<b>.bin")])}

    shown = str(side_by_side(TRIALS, files))

    assert shown.index("fit.png") < shown.index("notes.txt") < shown.index("<b>.bin")
    assert "/jobs/ja/artifacts/1/1/picture" in shown
    assert "/jobs/jb/artifacts/2/0/picture" in shown
    assert shown.count("/preview") == 1
    assert shown.count("'none'") == 2


def test_nothing_stands_there_where_nothing_was_kept_or_nothing_is_chosen() -> None:
    assert side_by_side(TRIALS, {}) == []
    assert side_by_side(TRIALS[:1], {"ja": (1, [kept("fit.png")])}) == []
    many = str(side_by_side(TRIALS, {"ja": (1, [kept(f"{n}.bin") for n in range(30)])}))
    assert "6 more names" in many
