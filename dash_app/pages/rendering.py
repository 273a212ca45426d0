"""From a view to its page, or to words about why there is none."""

from typing import Any

from dash import html
from pymongo.errors import PyMongoError

from dash_app.addresses import View
from dash_app.asked import asked_of
from dash_app.curves_look import look_of
from dash_app.live.hearing import Hearing
from dash_app.pages import data as data_page
from dash_app.pages import events as events_page
from dash_app.pages import house as house_page
from dash_app.pages import job as job_page
from dash_app.pages import jobs as jobs_page
from dash_app.pages import models as models_page
from dash_app.pages import new as new_page
from dash_app.pages import pipelines as pipelines_page
from dash_app.pages import results as results_page
from dash_app.pages import services as services_page
from dash_app.pages import settings as settings_page
from dash_app.pages import sweeps as sweeps_page
from dash_app.presenters import pieces
from dash_app.script_folders import ScriptFolders
from dash_app.service_schema import Schemas
from dash_app.sweep_state import read_state
from dash_app.uploaded_scripts import UploadedScripts
from dash_app.visitor import may_change, visitor
from hq.rest import queries
from hq.rest.house import House
from hq.rest.policy import ADMINS
from hq.rest.problems import Problem


class Pages:
    """All pages of one house."""

    def __init__(
        self, house: House, hearing: Hearing, folders: ScriptFolders, uploaded: UploadedScripts
    ) -> None:
        self._house, self._hearing, self._folders, self._uploaded = house, hearing, folders, uploaded
        self._schemas = Schemas(house)

    async def page(self, view: View, query: str | None = None) -> list[Any]:
        """Return the page of `view`; when it cannot be made, what happened and what to do.

        Args:
            view: What is looked at.
            query: What the address says beside it, which some pages read more from.
        """
        try:
            # What was heard of already is shown: a job that somebody just submitted, for one.
            await queries.catch_up(self._house.database, self._hearing.position)
            return await self._build(view, query)
        except PyMongoError as error:
            return _trouble(
                "The database does not answer",
                f"The page could not be read ({type(error).__name__}). `idlehands status` says what runs; "
                "then reload this page.",
            )
        except Problem as problem:
            return _trouble("This cannot be shown now", problem.detail)

    async def _build(self, view: View, query: str | None) -> list[Any]:
        house, percents = self._house, self._hearing.percents()
        match view.kind:
            case "house":
                return await house_page.page(house, percents, may_change())
            case "jobs":
                return await jobs_page.page(house, view, self._hearing, visitor().name, may_change())
            case "job":
                return await job_page.page(house, view.identity, percents, may_change(), look_of(view))
            case "sweeps":
                return await sweeps_page.list_page(house, view)
            case "sweep":
                return await sweeps_page.page(
                    house, self._hearing, view.identity, may_change(), read_state(query)
                )
            case "pipelines":
                return await pipelines_page.list_page(house)
            case "pipeline":
                return await pipelines_page.page(house, view.identity, may_change())
            case "new":
                return await new_page.page(house, self._folders, self._uploaded, view.script, may_change())
            case "results":
                return await results_page.page(house, asked_of(view.given))
            case "data":
                return await data_page.list_page(house, may_change())
            case "dataset":
                return await data_page.page(house, view.identity, dict(view.given)["version"])
            case "models":
                return await models_page.list_page(house, may_change())
            case "model":
                return await models_page.page(house, view.identity, dict(view.given)["version"], may_change())
            case "events":
                return await events_page.page(house, view)
            case "services":
                return await services_page.list_page(house, may_change())
            case "service":
                return await services_page.page(house, self._schemas, view.identity, may_change())
            case "settings":
                return await settings_page.page(house, visitor().role in ADMINS)
        return _trouble("There is no such page", "The address may be misspelt; the pages are above.")


def _trouble(title: str, words: str) -> list[Any]:
    return [pieces.head(title), html.P(words, className="trouble")]
