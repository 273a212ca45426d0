"""Every callback: two lines that call what does the work. All are `async def`: a sync one blocks all."""

from typing import Any

from dash import ClientsideFunction, Dash, Input, Output, State

from dash_app import component_ids as ids
from dash_app.addresses import parse
from dash_app.changing import Changing
from dash_app.clicks import clicked
from dash_app.form_state import form_parts
from dash_app.pages.rendering import Pages
from dash_app.pairing import Pairing
from dash_app.presenters import job as job_words
from dash_app.presenters import pipelines as pipeline_words
from dash_app.presenters import sweep as sweep_words
from dash_app.shell import navigation
from dash_app.submitting import Submitting
from dash_app.visitor import may_change


def register(app: Dash, pages: Pages, changing: Changing, submitting: Submitting, pairing: Pairing) -> None:
    """Add all callbacks."""

    @app.callback(
        Output(ids.PAGE, "children"),
        Output(ids.NAVIGATION, "children"),
        Input(ids.URL, "pathname"),
        Input(ids.URL, "search"),
        # The first page comes with the frame.
        prevent_initial_call=True,
    )
    async def show_page(path: str | None, query: str | None) -> tuple[Any, Any]:
        view = parse(path, query)
        return await pages.page(view, query), navigation(view)

    # Once a page is there, the live feed is told which.
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("idlehands", "shown"), Output(ids.PAGE, "data-shown"), Input(ids.PAGE, "children")
    )

    # What is chosen and selected there stands in the address, and the address makes the page.
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("idlehands", "resultsAddress"),
        Output(ids.URL, "search", allow_duplicate=True),
        [Input(identity, "value") for identity in ids.RESULTS_CHOICES.values()],
        prevent_initial_call=True,
    )
    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("idlehands", "resultsPicked"),
        Output(ids.URL, "search", allow_duplicate=True),
        Input(ids.RESULTS_FIGURE, "selectedData"),
        prevent_initial_call=True,
    )

    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("idlehands_jobs", "addressed"),
        Output(ids.URL, "search", allow_duplicate=True),
        Input(ids.JOBS_WHERE, "value"),
        Input(ids.JOBS_GROUP, "value"),
        prevent_initial_call=True,
    )

    @app.callback(Output(ids.JOB_ACTIONS, "children"), Input(ids.JOB_STATUS, "data-status"))
    async def show_job_actions(status: str) -> Any:
        return job_words.actions(status, may_change())

    @app.callback(Output(ids.SWEEP_ACTIONS, "children"), Input(ids.SWEEP_STATUS, "data-status"))
    async def show_sweep_actions(status: str) -> Any:
        return sweep_words.actions(status, may_change())

    @app.callback(
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.JOB_CANCEL, "n_clicks"),
        State(ids.URL, "pathname"),
        prevent_initial_call=True,
    )
    async def cancel_job(clicks: int | None, path: str) -> Any:
        clicked(clicks)
        return await changing.cancel(parse(path, None))

    @app.callback(
        Output(ids.NOTE, "children", allow_duplicate=True),
        Output(ids.URL, "pathname", allow_duplicate=True),
        Input(ids.JOB_RETRY, "n_clicks"),
        State(ids.URL, "pathname"),
        prevent_initial_call=True,
    )
    async def retry_job(clicks: int | None, path: str) -> tuple[Any, Any]:
        clicked(clicks)
        return await changing.retry(parse(path, None))

    @app.callback(
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.SWEEP_CANCEL, "n_clicks"),
        State(ids.URL, "pathname"),
        prevent_initial_call=True,
    )
    async def stop_sweep(clicks: int | None, path: str) -> Any:
        clicked(clicks)
        return await changing.stop(parse(path, None))

    @app.callback(Output(ids.PIPELINE_ACTIONS, "children"), Input(ids.PIPELINE_STATUS, "data-status"))
    async def show_pipeline_actions(status: str) -> Any:
        return pipeline_words.actions(status, may_change())

    @app.callback(
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.PIPELINE_CANCEL, "n_clicks"),
        State(ids.URL, "pathname"),
        prevent_initial_call=True,
    )
    async def cancel_pipeline(clicks: int | None, path: str) -> Any:
        clicked(clicks)
        return await changing.cancel_pipeline(parse(path, None))

    @app.callback(
        Output(ids.NOTE, "children", allow_duplicate=True),
        Output(ids.URL, "pathname", allow_duplicate=True),
        Input(ids.PIPELINE_RETRY, "n_clicks"),
        State(ids.URL, "pathname"),
        prevent_initial_call=True,
    )
    async def retry_pipeline(clicks: int | None, path: str) -> tuple[Any, Any]:
        clicked(clicks)
        return await changing.retry_pipeline(parse(path, None))

    app.clientside_callback(  # type: ignore[no-untyped-call]
        ClientsideFunction("idlehands_jobs", "labelled"),
        Output(ids.URL, "search", allow_duplicate=True),
        Input(ids.LABEL_PROJECT, "value"),
        Input(ids.LABEL_TAG, "value"),
        prevent_initial_call=True,
    )

    @app.callback(
        Output(ids.NOTE, "children", allow_duplicate=True),
        Output(ids.LABELS, "children"),
        Input(ids.LABELS_SAVE, "n_clicks"),
        State(ids.LABELS_PROJECT, "value"),
        State(ids.LABELS_TAGS, "value"),
        State(ids.LABELS_NOTE, "value"),
        State(ids.URL, "pathname"),
        prevent_initial_call=True,
        running=[(Output(ids.LABELS_SAVE, "disabled"), True, False)],
    )
    async def label(clicks: int | None, project: Any, tags: Any, text: Any, path: str) -> tuple[Any, Any]:
        clicked(clicks)
        given = [one if isinstance(one, str) else "" for one in (project, tags, text)]
        return await changing.label(parse(path, None), *given)

    @app.callback(
        output=(
            Output(ids.SUBMIT_NOTE, "children"),
            Output(ids.FORM_REFUSED, "data"),
            Output(ids.URL, "href", allow_duplicate=True),
        ),
        inputs={"clicks": Input(ids.SUBMIT, "n_clicks")},
        state={
            "query": State(ids.URL, "search"),
            "key": State(ids.FORM_KEY, "data"),
            "form": form_parts(State),
        },
        prevent_initial_call=True,
        running=[(Output(ids.SUBMIT, "disabled"), True, False)],
    )
    async def submit(clicks: int | None, query: str, key: Any, form: Any) -> tuple[Any, Any, Any]:
        clicked(clicks)
        return await submitting.submit(parse("/new", query).script, form, key)

    @app.callback(
        output=(
            Output(ids.FORM_PREVIEW, "children"),
            Output(ids.SUBMIT, "children"),
            Output(ids.FORM_WRONG, "data"),
            Output(ids.FORM_EXPECTED, "children"),
        ),
        inputs={"form": form_parts(Input)},
        state={"query": State(ids.URL, "search")},
    )
    async def preview(form: Any, query: str) -> tuple[Any, Any, Any, Any]:
        return await submitting.preview(parse("/new", query).script, form)

    # What is wrong is said beside its field, by the browser: a field has an id of its own for each script.
    for source in (ids.FORM_WRONG, ids.FORM_REFUSED):
        app.clientside_callback(  # type: ignore[no-untyped-call]
            ClientsideFunction("idlehands_form", "mark"),
            Output(source, "storage_type"),
            Input(source, "data"),
            prevent_initial_call=True,
        )

    @app.callback(
        Output(ids.PAIRING, "children"),
        Output(ids.PAIRING_SHOWN, "data"),
        Input(ids.PAIRING_CLOCK, "n_intervals"),
        State(ids.PAIRING_SHOWN, "data"),
    )
    async def show_pairing(_: Any, shown: Any) -> tuple[Any, Any]:
        return await pairing.show(shown)

    @app.callback(
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.PAIR_START, "n_clicks"),
        prevent_initial_call=True,
    )
    async def start_pairing(clicks: int | None) -> Any:
        clicked(clicks)
        return await pairing.start()

    @app.callback(
        Output(ids.NOTE, "children", allow_duplicate=True),
        Input(ids.PAIR_ALLOW, "n_clicks"),
        Input(ids.PAIR_REFUSE, "n_clicks"),
        State(ids.PAIRING_SHOWN, "data"),
        prevent_initial_call=True,
    )
    async def answer_pairing(allow: int | None, refuse: int | None, shown: Any) -> Any:
        clicked(allow or refuse)
        return await pairing.answer(bool(allow), shown)
