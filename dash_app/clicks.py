"""Clicks on buttons that came onto the page later: making one is no click."""

from dash import ctx
from dash.exceptions import PreventUpdate


def clicked(clicks: int | None) -> None:
    """Tell a click from a button that just came onto the page.

    Raises:
        PreventUpdate: If nobody has clicked.
    """
    if not clicks:
        raise PreventUpdate


def pressed() -> dict[str, str]:
    """Return the id of the button that was pressed; new buttons on the page are no click."""
    clicked(ctx.triggered[0]["value"] if ctx.triggered else None)
    identity = ctx.triggered_id
    return {key: str(value) for key, value in dict(identity or {}).items()}
