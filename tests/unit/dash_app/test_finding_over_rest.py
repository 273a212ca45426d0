"""Jobs and sweeps found by project, tag and words over a real server and a real database; pipelines."""

from typing import Any
from uuid import uuid4

import httpx
import pytest

from tests.unit.dash_app.conftest import LittleHouse

SCRIPT = {"bundle": "0" * 64, "entry": "train.py", "name": "train"}


def submit(operator: httpx.Client, **spec: Any) -> tuple[str, int]:
    answer = operator.post("/api/v1/jobs", json={"jobs": [{"script": SCRIPT, **spec}]})
    assert answer.status_code == 201, answer.text
    return answer.json()["jobs"][0], answer.json()["position"]


def listed(client: httpx.Client, kind: str, position: int, **query: Any) -> list[str]:
    answer = client.get(f"/api/v1/{kind}", params={"at_least": position, **query})
    assert answer.status_code == 200, answer.text
    return [row["id"] for row in answer.json()[kind]]


def test_jobs_are_found_by_project_tag_and_all_of_the_words(
    house: LittleHouse, operator: httpx.Client, viewer: httpx.Client
) -> None:
    project, tag = f"Wine-{uuid4().hex[:8]}", f"t{uuid4().hex[:8]}"
    one, _ = submit(operator, name="deep forest", project=project, tags=[tag, "baseline"])
    other, position = submit(operator, name="forest", project=project, note="after the Überlauf of May")

    assert listed(viewer, "jobs", position, project=project) == [other, one]
    assert listed(viewer, "jobs", position, tag=tag) == [one]
    assert listed(viewer, "jobs", position, project=project, tag="baseline", q="FOREST") == [one]
    assert listed(viewer, "jobs", position, project=project, q="forest überlauf") == [other]
    assert listed(viewer, "jobs", position, project=project, q=f'"{tag} deep') == [one]
    assert listed(viewer, "jobs", position, project=project, q="deep überlauf") == []
    assert listed(viewer, "jobs", position, project=project, q=project.split("-")[1]) == [other, one]


def test_sweeps_are_found_by_what_their_job_says(
    house: LittleHouse, operator: httpx.Client, viewer: httpx.Client
) -> None:
    tag = f"t{uuid4().hex[:8]}"
    body = {
        "job": {"script": SCRIPT, "tags": [tag], "note": "wider than before"},
        "space": {"x": {"type": "float", "low": 0, "high": 1}},
        "name": f"widths {tag}",
    }
    made = operator.post("/api/v1/sweeps", json=body).json()

    assert listed(viewer, "sweeps", made["position"], tag=tag) == [made["sweep"]]
    assert listed(viewer, "sweeps", made["position"], q=f"wider widths {tag}") == [made["sweep"]]


@pytest.mark.parametrize(
    "query",
    [{"project": "no project"}, {"tag": "UPPER"}, {"q": "x" * 300}],
    ids=["project", "tag", "words"],
)
def test_filters_that_nothing_can_fit_are_refused(viewer: httpx.Client, query: dict[str, str]) -> None:
    assert viewer.get("/api/v1/jobs", params=query).status_code == 422


def test_a_pipeline_is_submitted_shown_and_retried(
    house: LittleHouse, operator: httpx.Client, viewer: httpx.Client
) -> None:
    steps = [
        {"name": "first", "job": {"script": SCRIPT, "params": {"x": 3}}},
        {"name": "second", "job": {"script": SCRIPT, "params": {"x": "result://first/nothing"}}},
    ]
    made = operator.post("/api/v1/pipelines", json={"name": "two", "steps": steps})
    assert made.status_code == 201, made.text
    done = made.json()
    shown = viewer.get(f"/api/v1/pipelines/{done['pipeline']}", params={"at_least": done["position"]}).json()

    assert [step["name"] for step in shown["steps"]] == ["first", "second"]
    assert shown["steps"][1]["after"] == ["first"]
    rows = viewer.get("/api/v1/pipelines", params={"limit": 1000}).json()["pipelines"]
    assert done["pipeline"] in [row["pipeline"] for row in rows]
    # Nothing runs here unless the test says so: its first step is cancelled, and the second with it.
    first = done["steps"]["first"]
    if viewer.get(f"/api/v1/jobs/{first}").json()["status"] == "queued":
        operator.post(f"/api/v1/jobs/{first}/cancel")
    circle = [{**steps[0], "after": ["second"]}, steps[1]]
    refused = operator.post("/api/v1/pipelines", json={"steps": circle})
    assert (refused.status_code, refused.json()["code"]) == (422, "cycle")
    assert viewer.post("/api/v1/pipelines", json={"steps": steps}).status_code == 403
    assert viewer.get("/api/v1/pipelines/p" + "a" * 12).status_code == 404
    assert operator.post("/api/v1/pipelines/p" + "a" * 12 + "/retry").status_code == 404


def test_labels_are_changed_and_found_later(
    house: LittleHouse, operator: httpx.Client, viewer: httpx.Client
) -> None:
    tag = f"t{uuid4().hex[:8]}"
    job, _ = submit(operator, name="plain")
    body = {"add_tags": [tag], "note": "the one to beat", "project": "Wine"}
    changed = operator.post(f"/api/v1/jobs/{job}/labels", json=body)
    assert changed.status_code == 200, changed.text
    position = changed.json()["position"]

    assert listed(viewer, "jobs", position, tag=tag) == [job]
    assert listed(viewer, "jobs", position, q=f"beat {tag}") == [job]
    bare = operator.post(f"/api/v1/jobs/{job}/labels", json={"remove_tags": [tag]}).json()
    assert listed(viewer, "jobs", bare["position"], tag=tag) == []
    assert operator.post(f"/api/v1/jobs/{job}/labels", json={"project": "no project"}).status_code == 422
    assert operator.post("/api/v1/sweeps/s" + "q" * 12 + "/labels", json={"note": "x"}).status_code == 404
    assert viewer.post(f"/api/v1/jobs/{job}/labels", json=body).status_code == 403


def test_a_pipeline_is_cancelled_and_deleted_over_rest(
    house: LittleHouse, operator: httpx.Client, viewer: httpx.Client
) -> None:
    steps = [
        {"name": "a", "job": {"script": SCRIPT}},
        {"name": "b", "job": {"script": SCRIPT}, "after": ["a"]},
    ]
    made = operator.post("/api/v1/pipelines", json={"steps": steps}).json()
    path = f"/api/v1/pipelines/{made['pipeline']}"

    assert viewer.post(f"{path}/cancel").status_code == viewer.delete(path).status_code == 403
    assert operator.delete(path).json()["code"] == "not_final"
    assert operator.post(f"{path}/cancel").json()["cancelled"] == ["a", "b"]
    assert operator.post(f"{path}/cancel").json()["code"] == "already_final"
    gone = operator.delete(path)
    assert sorted(gone.json()["deleted"]) == sorted(made["steps"].values())
    assert viewer.get(path).status_code == 404
    assert viewer.get(f"/api/v1/jobs/{made['steps']['a']}").status_code == 404
    assert operator.delete(path).status_code == 404
