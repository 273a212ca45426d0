"""Clicks on buttons that came onto the page later: making one is no click."""

from dash.exceptions import PreventUpdate


def clicked(clicks: int | None) -> None:
    """Tell a click from a button that just came onto the page.

    Raises:
        PreventUpdate: If nobody has clicked.
    """
    if not clicks:
        raise PreventUpdate
