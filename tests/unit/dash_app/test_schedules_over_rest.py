"""Schedules over REST, on the real log and read models."""

import httpx
import pytest

from tests.unit.dash_app.conftest import LittleHouse

PATH = "/api/v1/schedules"
JOB = {"script": {"bundle": "0" * 64, "entry": "a.py"}}


def test_a_schedule_is_added_run_paused_and_removed(operator: httpx.Client) -> None:
    made = operator.post(PATH, json={"name": "yearly", "cron": "0 0 1 1 *", "job": JOB})
    assert made.status_code == 201, made.text
    assert made.json()["next"] > 0
    listed = operator.get(PATH).json()["schedules"]
    assert [one["schedule"] for one in listed] == ["yearly"]
    assert operator.get(f"{PATH}/yearly").json()["spec"]["job"]["script"]["entry"] == "a.py"
    job = operator.post(f"{PATH}/yearly/run").json()["job"]
    found = operator.get(f"/api/v1/jobs/{job}").json()
    assert (found["submitter"], found["spec"]["name"]) == ("some-operator", "yearly")
    assert operator.post(f"{PATH}/yearly/pause").status_code == 200
    again = operator.post(f"{PATH}/yearly/pause")
    assert (again.status_code, again.json()["code"]) == (409, "already_paused")
    assert operator.post(f"{PATH}/yearly/resume").status_code == 200
    assert operator.delete(f"{PATH}/yearly").status_code == 200
    assert operator.get(f"{PATH}/yearly").status_code == 404
    operator.post(f"/api/v1/jobs/{job}/cancel")


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "cron": "never", "job": JOB},
        {"name": "x", "cron": "* * * * *"},
        {"name": "x", "cron": "* * * * *", "job": JOB, "zone": "Mars"},
        {"name": "X Y", "cron": "* * * * *", "job": JOB},
        {"name": "x", "cron": "* * * * *", "job": JOB, "typo": 1},
        {"name": "x", "cron": "* * * * *", "job": {**JOB, "secrets": ["NO_SUCH"]}},
    ],
)
def test_what_cannot_be_is_refused_and_nothing_is_kept(
    operator: httpx.Client, body: dict[str, object]
) -> None:
    refused = operator.post(PATH, json=body)
    assert refused.status_code == 422, refused.text
    assert operator.get(f"{PATH}/x").status_code == 404


def test_a_viewer_looks_and_changes_nothing(house: LittleHouse, viewer: httpx.Client) -> None:
    assert viewer.get(PATH).status_code == 200
    assert viewer.post(PATH, json={"name": "x", "cron": "* * * * *", "job": JOB}).status_code == 403
    assert viewer.post(f"{PATH}/x/run").status_code == 403
