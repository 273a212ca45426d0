"""The list of jobs as the database filters, sorts and groups it, and what is done with many of them."""

import asyncio
from collections.abc import Awaitable, Callable
from types import SimpleNamespace
from typing import Any, cast

import pytest
from pymongo import MongoClient

from dash_app.addresses import parse
from dash_app.bulk_route import Many
from dash_app.jobs_asked import JobsAsked, jobs_asked, readable
from dash_app.live import jobs_feed
from dash_app.live.hearing import Hearing
from dash_app.live.push import Push
from dash_app.pages import jobs as jobs_page
from dash_app.presenters import counts, job_list, jobs, labels
from hq.read_models.indexes import ensure_indexes
from hq.rest import job_table
from hq.rest.conditions import parse_conditions
from hq.rest.database import Database, Document, open_database
from hq.rest.house import House
from hq.rest.job_table import NEWEST, Wanted
from hq.rest.labels import read_labels
from hq.rest.problems import Problem
from schemas.requests import Cancel, Retry


def job(number: int, **other: Any) -> Document:
    spec = {
        "script": {"name": "train" if number % 2 else "fit", "entry": "x.py"},
        "name": f"fold {number}",
        "params": {"lr": number / 10},
    }
    stored: Document = {
        "_id": f"j{'a' * 11}{'abcdefgh'[number]}",
        "spec": spec,
        "status": "succeeded" if number < 4 else "queued",
        "submitter": "olga",
        "order": number,
        "revision": 1,
        "token": 1,
        "agent": None,
        "submitted_at": 1.0,
        "claimed_at": 10.0 if number < 4 else None,
        "ended_at": 10.0 + number * number if number < 4 else None,
        "attempts": [{"agent": "attic" if number < 2 else "cellar", "token": 1}] if number < 4 else [],
    }
    return {**stored, **other}


@pytest.fixture
def uri(mongodb_uri: str) -> str:
    with MongoClient[dict[str, Any]](mongodb_uri) as mongo:
        database = mongo.get_default_database()
        ensure_indexes(database)
        database["jobs"].insert_many([job(number) for number in range(6)])
    return mongodb_uri


def look(uri: str, ask: Callable[[Database], Awaitable[Any]]) -> Any:
    async def inside() -> Any:
        database = open_database(uri)
        try:
            return await ask(database)
        finally:
            await database.client.close()

    return asyncio.run(inside())


def numbers(uri: str, where: str = "", sort: str = NEWEST, skip: int = 0, **wanted: Any) -> list[int]:
    match = job_table.match_of(Wanted(where=parse_conditions(where, job_table.check_column), **wanted))

    async def ask(database: Database) -> list[int]:
        page = await job_table.read_page(database, match, sort=sort, skip=skip, limit=10)
        return [one["order"] for one in page]

    return cast(list[int], look(uri, ask))


def test_jobs_are_filtered_by_what_they_are_and_were_given(uri: str) -> None:
    assert numbers(uri, "script = train") == [5, 3, 1]
    assert numbers(uri, "lr >= 0.3, params.lr < 0.5") == [4, 3]
    assert numbers(uri, "name ~ FOLD 2") == [2]
    assert numbers(uri, "machine = attic") == [1, 0]
    assert numbers(uri, "machine != attic", status="succeeded") == [3, 2]
    assert numbers(uri, "seconds > 2") == [3, 2]
    assert numbers(uri, jobs=("jaaaaaaaaaaaa",)) == [0]
    for wrong in ("seconds = 3", "a.b = 1", "$where = 1", "nonsense"):
        with pytest.raises(Problem, match="422"):
            numbers(uri, wrong)


def test_jobs_are_sorted_and_paged_by_the_database(uri: str) -> None:
    assert numbers(uri, sort="submitted") == [0, 1, 2, 3, 4, 5]
    assert numbers(uri, sort="-seconds") == [3, 2, 1, 0]
    assert numbers(uri, sort="name", skip=4) == [4, 5]
    assert [number % 2 for number in numbers(uri, sort="-script")] == [1, 1, 1, 0, 0, 0]
    assert not job_table.scans(Wanted("failed"), NEWEST)
    assert job_table.scans(Wanted(), "-seconds")


def looked_at(uri: str, where: str = "", sort: str = NEWEST, **asked: str) -> tuple[int, bool]:
    """Read 10 jobs; return how many documents the database read for it, and what the page says of that."""
    wanted = Wanted(where=parse_conditions(where, job_table.check_column), **asked)
    match = job_table.match_of(wanted)

    async def ask(database: Database) -> int:
        await database["system.profile"].drop()
        await database.command("profile", 2)
        try:
            await job_table.read_page(database, match, sort=sort, skip=0, limit=10)
        finally:
            await database.command("profile", 0)
        noted = await database["system.profile"].find_one({"ns": {"$regex": r"\.jobs$"}})
        assert noted is not None
        return int(noted["docsExamined"])

    return look(uri, ask), job_table.scans(wanted, sort)


def test_the_page_says_of_every_order_and_filter_whether_it_has_an_index(uri: str) -> None:
    with MongoClient[dict[str, Any]](uri) as mongo:
        more = [
            job(
                number % 6,
                _id=f"j{number:0>12}",
                order=10 + number,
                status=("succeeded", "failed", "running")[number % 3],
                submitter=("olga", "ivan")[number % 2],
                agent=("attic", "cellar", None)[number % 3],
                project=("paper", "thesis")[number % 2],
                tags=["good"] if number % 2 else [],
                spec={
                    "script": {"name": "train", "entry": "x.py"},
                    "sweep": f"s{number % 4:0>12}",
                    "params": {},
                },
            )
            for number in range(200)
        ]
        mongo.get_default_database()["jobs"].insert_many(more)

    for name in job_table.SORTS:
        for sort in (name, f"-{name}"):
            documents, says = looked_at(uri, sort=sort)
            assert says == (documents > 10), sort
            documents, says = looked_at(uri, sort=sort, status="failed")
            assert says or documents <= 10, sort
    for where in ("submitter = olga", "sweep = s000000000001", f"id = j{7:0>12}"):
        documents, says = looked_at(uri, where)
        assert documents <= 10, where
        assert not says, where
    for label in ({"project": "paper"}, {"tag": "good"}):
        documents, says = looked_at(uri, **label)
        assert documents <= 10, label
        assert not says, label
        assert looked_at(uri, status="failed", **label)[1], label
    for where in ("name ~ fold", "submitter != olga", "submitter = olga, attempts > 3", "machine = attic"):
        assert looked_at(uri, where)[1], where
    assert looked_at(uri, "submitter = olga", sort="name")[1]


def test_what_takes_too_long_comes_later_and_is_given_up_in_words(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with MongoClient[dict[str, Any]](uri) as mongo:
        # Looked through for words that are in none of them, these take much longer than a millisecond.
        long = [job(number % 6, _id=f"j{number:0>12}", why="ab " * 300_000) for number in range(10)]
        mongo.get_default_database()["jobs"].insert_many(long)
    monkeypatch.setattr(jobs_page, "SOON_MS", 1)
    monkeypatch.setattr(jobs_feed, "SCAN_MS", 1)
    view = parse("/jobs", "?where=why ~ abb")

    async def ask(database: Database) -> tuple[str, Push, Push]:
        house, hearing = cast(House, SimpleNamespace(database=database)), Hearing()
        shown = str(await jobs_page.page(house, view, hearing, "olga", True))
        given_up = await jobs_feed.JobRowsFeed(house, hearing, jobs_asked(view)).whole()
        monkeypatch.setattr(jobs_feed, "SCAN_MS", 14_000)
        return shown, given_up, await jobs_feed.JobRowsFeed(house, hearing, jobs_asked(view)).whole()

    shown, given_up, found = look(uri, ask)

    assert "all jobs are being looked at" in shown
    assert "No job meets the filter" not in shown
    # It says so once; read again, it would take as long.
    assert "Given up after" in str(given_up.props)
    assert not given_up.rows
    assert "all jobs are looked at" in str(found.props)
    assert found.rows == {"jobs-grid": {"all": []}}


def test_jobs_are_counted_in_groups_and_each_leads_to_its_jobs(uri: str) -> None:
    async def ask(database: Database) -> list[Document]:
        return await job_table.read_groups(database, {}, "script")

    groups = look(uri, ask)

    assert [(one["value"], one["count"], one["statuses"]) for one in groups] == [
        ("train", 3, {"queued": 1, "succeeded": 2}),
        ("fit", 3, {"queued": 1, "succeeded": 2}),
    ]
    shown = str(job_list.groups(groups, JobsAsked(where="lr < 1", group="script")))
    assert "where=lr+%3C+1%2C+script+%3D+%22train%22" in shown


def test_the_address_says_what_is_asked_for_and_what_it_cannot_say_is_left_out() -> None:
    asked = jobs_asked(
        parse("/jobs", "?status=failed&where=lr<1&sort=-seconds&group=script&columns=name,id&page=2")
    )

    assert asked == JobsAsked(
        "failed", "lr<1", sort="-seconds", group="script", columns=("name", "id"), page=2
    )
    assert asked.address(group="") == "/jobs?status=failed&where=lr%3C1&sort=-seconds&columns=name%2Cid"
    hanging = jobs_asked(parse("/jobs", "?status=hanging&sort=x&group=y&page=-1"))
    assert hanging == JobsAsked(is_hanging=True)
    assert readable(hanging, {"jb": 1.0})[0].jobs == ("jb",)
    assert "422" not in readable(JobsAsked(where="!"), {})[1]
    assert "Not filtered" in readable(JobsAsked(where="!"), {})[1]
    columns = {one["field"]: one["hide"] for one in job_list.columns(asked)}
    assert (columns["name"], columns["id"], columns["status"]) == (False, False, True)


def test_a_job_that_may_hang_says_so_in_its_row_and_has_a_filter() -> None:
    running = job(5, id="j1", status="running", claimed_at=1.0, agent="attic")

    assert jobs.row(running, None, 700.0)["why"] == "May hang: nothing printed and no CPU used for 12 min"
    assert (jobs.row(running)["why"], jobs.row(running)["hangs"]) == ("", False)
    assert "May hang" in str(counts.filters({}, JobsAsked(), 1))
    assert "May hang" not in str(counts.filters({}, JobsAsked(), 0))


class Asking:
    """Stands where HQ is: does all of a request, or nothing when one of its jobs has ended."""

    def __init__(self, ended: set[str]) -> None:
        self.ended, self.done = ended, list[str]()

    async def change(self, request: Cancel | Retry) -> dict[str, Any]:
        if self.ended & set(request.jobs):
            raise Problem(409, "already_final", "too late")
        self.done += request.jobs
        return {"position": 3}


def test_of_many_jobs_those_for_which_it_is_too_late_are_left_out_and_counted() -> None:
    asking = Asking({"j7", "j900"})

    class Standing:
        def __init__(self) -> None:
            self.asking = asking

    many = Many(cast(House, Standing()), "olga", "cancel")
    asyncio.run(many.do([f"j{number}" for number in range(1000)]))

    assert (many.done, many.left_out, many.position) == (998, 2, 3)
    assert sorted(asking.done) == sorted(f"j{number}" for number in range(1000) if number not in (7, 900))


def test_a_project_and_a_tag_narrow_the_list_down_and_stand_in_its_address(uri: str) -> None:
    with MongoClient[dict[str, Any]](uri) as mongo:
        kept = mongo.get_default_database()["jobs"]
        kept.update_many({"order": {"$lt": 4}}, {"$set": {"project": "Wine", "tags": ["best", "x$y"]}})
        kept.update_one({"order": 3}, {"$set": {"tags": ["worst"]}})
    asked = jobs_asked(parse("/jobs", "?project=Wine&tag=best&where=script+%3D+fit"))
    wanted, error = readable(asked, {})

    assert (error, wanted.is_filtered) == ("", True)
    assert numbers(uri, "script = fit", project="Wine", tag="best") == [2, 0]
    assert numbers(uri, project="wine") == []
    assert asked.address(status="failed") == (
        "/jobs?status=failed&where=script+%3D+fit&project=Wine&tag=best"
    )
    assert look(uri, lambda database: read_labels(database, "jobs")) == {
        "project": ["Wine"],
        "tag": ["best", "worst", "x$y"],
    }


def test_labels_are_ways_to_what_has_the_same_and_only_changed_by_those_who_may() -> None:
    thing = {"project": "Wine", "tags": ["a&b", "<i>"], "note": "see\u202e"}
    shown = str(labels.body(thing, "sweeps", True))

    assert "/sweeps?tag=a%26b" in shown
    assert "/sweeps?project=Wine" in shown
    assert "labels-save" in shown
    assert "\u202e" not in shown
    assert "labels-save" not in str(labels.body(thing, "jobs", False))
    assert "None yet." in str(labels.body({}, "jobs", False))
