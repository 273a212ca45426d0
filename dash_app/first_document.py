"""The document that a browser gets first: which scripts it loads, and in which order.

Dash would load everything that any page might need. Here `assets/early.js` comes
first of all and asks for what the page shows while the other scripts are still
read; the table of AG Grid, as large as all the rest, is loaded by pages that have one,
and Dash's own table, which none has, by none.
"""

import re

from dash import Dash

_EARLY = re.compile(r'<script src="([^"]*/early\.js[^"]*)"></script>\n?')
_TABLE = re.compile(r'<script src="([^"]*/dash_ag_grid\.[^"]*)"></script>\n?')
_NEVER = re.compile(r'<script src="[^"]*/dash_table/[^"]*"></script>\n?')


class FirstDocument(Dash):
    """Dash with fewer scripts in its first document."""

    def interpolate_index(
        self,
        metas: str = "",
        title: str = "",
        css: str = "",
        config: str = "",
        scripts: str = "",
        app_entry: str = "",
        favicon: str = "",
        renderer: str = "",
    ) -> str:
        """Return the document."""
        early, table = _EARLY.search(scripts), _TABLE.search(scripts)
        first = ""
        if early is not None and table is not None:
            scripts = _TABLE.sub("", _EARLY.sub("", scripts))
            first = f'<script src="{early[1]}" data-table="{table[1]}"></script>'
        scripts = _NEVER.sub("", scripts)
        whole = super().interpolate_index(  # type: ignore[no-untyped-call]
            metas, title, css, config, scripts, app_entry, favicon, renderer
        )
        return str(whole).replace("<head>", f"<head>{first}", 1)
