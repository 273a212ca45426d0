"""Projects, tags and notes: to choose from above a list, and to read and change on a page."""

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import html
from dash.development.base_component import Component

from dash_app import addresses
from dash_app import component_ids as ids
from dash_app.presenters import pieces
from dash_app.presenters.plain import plain

Document = dict[str, Any]


def choices(known: Mapping[str, Sequence[str]], project: str, tag: str) -> Component:
    """Return what a list is narrowed down by; out of sight where nothing has a project or tag."""
    shown = [
        _choice(ids.LABEL_PROJECT, "Project", "Any project", known["project"], project),
        _choice(ids.LABEL_TAG, "Tag", "Any tag", known["tag"], tag),
    ]
    is_empty = not (project or tag or known["project"] or known["tag"])
    return html.Div(
        shown,
        className="label-choices is-none" if is_empty else "label-choices",
        **pieces.attributes(data_project=plain(project, 64), data_tag=plain(tag, 64)),
    )


def _choice(identity: str, label: str, nothing: str, known: Sequence[str], chosen: str) -> Component:
    chosen = plain(chosen, 64)
    values = [plain(one, 64) for one in known]
    chooser: Component = dmc.Select(
        id=identity,
        data=values if not chosen or chosen in values else [chosen, *values],
        value=chosen or None,
        placeholder=nothing,
        clearable=True,
        searchable=True,
        size="xs",
        w=140,
        **pieces.attributes(aria_label=label),
    )
    return chooser


def panel(thing: Document, list_of: str, may_change: bool) -> Component:
    """Return project, tags and note of a job or sweep, and what changes them for those who may."""
    return pieces.panel("Labels", body(thing, list_of, may_change), id=ids.LABELS)


def body(thing: Document, list_of: str, may_change: bool) -> list[Component]:
    """Return the inside of the panel; `list_of` is jobs or sweeps."""
    project, tags, note = thing.get("project") or "", thing.get("tags") or (), thing.get("note") or ""
    rows: list[tuple[str, Any]] = []
    if project:
        rows.append(("Project", _way(list_of, "project", project)))
    if tags:
        rows.append(("Tags", html.Span([_way(list_of, "tag", one) for one in tags], className="label-tags")))
    if note:
        rows.append(("Note", plain(note, 2000)))
    shown: list[Component] = [pieces.facts(rows) if rows else html.P("None yet.", className="quiet")]
    return [*shown, _form(project, tags, note)] if may_change else shown


def _way(list_of: str, name: str, value: str) -> Component:
    return html.A(plain(value, 64), href=addresses.of_label(list_of, name, value), className="label-way")


def _form(project: str, tags: Sequence[str], note: str) -> Component:
    fields: list[Component] = [
        dmc.TextInput(
            id=ids.LABELS_PROJECT,
            label="Project",
            value=plain(project, 64),
            size="xs",
            inputProps={"maxLength": 63, "autoComplete": "off"},
        ),
        dmc.TextInput(
            id=ids.LABELS_TAGS,
            label="Tags",
            description="Words in lower case, with spaces between them",
            value=plain(" ".join(tags), 2000),
            size="xs",
            inputProps={"autoComplete": "off"},
        ),
        dmc.Textarea(
            id=ids.LABELS_NOTE, label="Note", value=plain(note, 2000), size="xs", autosize=True, maxRows=6
        ),
        html.Button("Save", id=ids.LABELS_SAVE, className="button is-plain"),
    ]
    return html.Details(
        [html.Summary("Change"), html.Div(fields, className="label-form")], className="label-change"
    )
