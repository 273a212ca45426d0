"""DELETE over REST: what has ended, by those who may."""

import httpx

from tests.unit.dash_app.conftest import LittleHouse

SPEC = {"script": {"bundle": "0" * 64, "entry": "train.py"}}


def submit(operator: httpx.Client) -> str:
    answered = operator.post("/api/v1/jobs", json={"jobs": [SPEC]})
    assert answered.status_code == 201, answered.text
    return str(answered.json()["jobs"][0])


def test_a_job_is_deleted_after_it_has_ended(operator: httpx.Client, viewer: httpx.Client) -> None:
    job = submit(operator)
    refused = operator.delete(f"/api/v1/jobs/{job}")
    assert (refused.status_code, refused.json()["code"]) == (409, "not_final")
    operator.post(f"/api/v1/jobs/{job}/cancel").raise_for_status()
    assert viewer.delete(f"/api/v1/jobs/{job}").status_code == 403

    deleted = operator.delete(f"/api/v1/jobs/{job}", headers={"idempotency-key": "once"})

    assert deleted.status_code == 200
    assert deleted.json()["jobs"] == [job]
    assert viewer.get(f"/api/v1/jobs/{job}").status_code == 404
    assert operator.delete(f"/api/v1/jobs/{job}").status_code == 404
    again = operator.delete(f"/api/v1/jobs/{job}", headers={"idempotency-key": "once"})
    assert again.json() == deleted.json()


def test_a_sweep_is_deleted_after_it_has_ended(house: LittleHouse, operator: httpx.Client) -> None:
    space = {"x": {"type": "float", "low": 0, "high": 1}}
    sweep = operator.post("/api/v1/sweeps", json={"job": SPEC, "space": space}).json()["sweep"]
    assert operator.delete(f"/api/v1/sweeps/{sweep}").status_code == 409
    operator.post(f"/api/v1/sweeps/{sweep}/cancel").raise_for_status()

    deleted = operator.delete(f"/api/v1/sweeps/{sweep}")

    assert deleted.json()["deleted"] == 0
    assert operator.get(f"/api/v1/sweeps/{sweep}").status_code == 404
    assert operator.delete(f"/api/v1/sweeps/{sweep}").status_code == 404
