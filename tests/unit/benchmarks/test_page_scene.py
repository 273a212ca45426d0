"""The pictures of the page: every page is on one."""

from benchmarks.page_scene import addresses
from dash_app.addresses import View, parse
from dash_app.shell import navigation


def test_there_is_a_picture_of_every_page() -> None:
    taken = addresses("j" + "a" * 12, "s" + "a" * 12, 1.8e9)
    views = [parse(*(address.partition("?")[::2])) for address in taken.values()]
    links = [one for part in navigation(View("house")) for one in (part, *(part.children or ()))]

    shown = {address.partition("?")[0] for address in taken.values()}
    assert {one.href for one in links if hasattr(one, "href")} <= shown
    kinds = {"house", "jobs", "job", "sweeps", "sweep", "results", "data", "dataset", "services", "service"}
    assert {view.kind for view in views} == kinds | {"new", "events", "settings"}
    assert any("from" in dict(view.given) for view in views)
