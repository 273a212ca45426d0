"""Submit, follow and change jobs over REST."""

import httpx

from tests.unit.dash_app.conftest import LittleHouse
from tests.unit.dash_app.little_house import eventually

JOB = {"script": {"bundle": "0" * 64, "entry": "train.py", "name": "train"}, "params": {"x": 2}}
API = "/api/v1"


def submit(operator: httpx.Client, *jobs: dict[str, object], key: str | None = None) -> dict[str, object]:
    headers = {} if key is None else {"idempotency-key": key}
    answer = operator.post(f"{API}/jobs", json={"jobs": list(jobs)}, headers=headers)
    assert answer.status_code == 201, answer.text
    return answer.json()  # type: ignore[no-any-return]


def test_a_job_goes_from_submit_to_result(house: LittleHouse, operator: httpx.Client) -> None:
    answer = submit(operator, {**JOB, "needs": {"agent": "attic"}})
    (job,) = answer["jobs"]  # type: ignore[misc]
    stored = operator.get(f"{API}/jobs/{job}", params={"at_least": answer["position"]}).json()
    assert (stored["status"], stored["submitter"]) == ("queued", "some-operator")
    assert "no agent" in operator.get(f"{API}/jobs/{job}/why").json()["why"]

    house.agent.start()

    ended = eventually(lambda: (found := read(operator, job))["status"] == "succeeded" and found)
    assert [result["result"]["result"]["accuracy"] for result in ended["results"]] == [0.9]
    assert operator.get(f"{API}/jobs/{job}/why").json() == {
        "job": job,
        "status": "succeeded",
        "why": "it is succeeded",
    }
    agents = operator.get(f"{API}/agents").json()["agents"]
    assert [(agent["name"], agent["online"], agent["facts"]["cores"]) for agent in agents] == [
        ("attic", True, 2)
    ]


def read(operator: httpx.Client, job: object) -> dict[str, object]:
    return operator.get(f"{API}/jobs/{job}").json()  # type: ignore[no-any-return]


def held_job(operator: httpx.Client) -> str:
    """Return a job that no machine will take."""
    return str(submit(operator, {**JOB, "needs": {"agent": "nobody"}})["jobs"][0])  # type: ignore[index]


def test_a_repeat_with_the_same_key_is_the_same_submit(operator: httpx.Client) -> None:
    job = {**JOB, "needs": {"agent": "nobody"}}

    first = submit(operator, job, key="once")
    second = submit(operator, job, key="once")
    other = operator.post(
        f"{API}/jobs", json={"jobs": [{**job, "priority": 5}]}, headers={"idempotency-key": "once"}
    )

    assert first == second
    assert other.status_code == 409
    assert other.json()["code"] == "key_reused"


def test_jobs_are_held_released_cancelled_and_retried(operator: httpx.Client) -> None:
    job = held_job(operator)

    for verb, status in (("hold", "held"), ("release", "queued"), ("cancel", "cancelled")):
        answer = operator.post(f"{API}/jobs/{job}/{verb}")
        assert answer.status_code == 200, answer.text
        position = answer.json()["position"]
        assert operator.get(f"{API}/jobs/{job}?at_least={position}").json()["status"] == status
    again = operator.post(f"{API}/jobs/{job}/cancel")
    retried = operator.post(f"{API}/jobs/{job}/retry").json()

    assert again.status_code == 409
    assert again.json()["code"] == "already_final"
    copy = operator.get(f"{API}/jobs/{retried['jobs'][0]}?at_least={retried['position']}").json()
    assert copy["spec"]["retry_of"] == job


def test_jobs_are_listed_newest_first_page_by_page(operator: httpx.Client) -> None:
    answer = submit(operator, *({**JOB, "name": f"n{n}", "needs": {"agent": "nobody"}} for n in range(5)))
    position = answer["position"]

    names, after = [], None
    while True:
        page = operator.get(
            f"{API}/jobs",
            params={
                "limit": 2,
                "status": "queued",
                "at_least": position,
                "after": after or "",
            },
        ).json()
        names += [job["spec"].get("name") for job in page["jobs"]]
        after = page["next"]
        if after is None:
            break

    assert names[:5] == ["n4", "n3", "n2", "n1", "n0"]


def test_unknown_jobs_are_404_and_bad_ids_too(operator: httpx.Client) -> None:
    for job in ("jaaaaaaaaaaaa", "nonsense", "j%00aaaaaaaaaaa", "../../etc/passwd", "$where"):
        for path in (f"{API}/jobs/{job}", f"{API}/jobs/{job}/logs"):
            answer = operator.get(path)
            if job != "jaaaaaaaaaaaa" or not path.endswith("logs"):
                assert answer.status_code == 404, (path, answer.text)
            assert answer.headers["content-type"] in ("application/problem+json", "application/json")
    answer = operator.post(f"{API}/jobs/jaaaaaaaaaaaa/cancel")
    assert (answer.status_code, answer.json()["code"]) == (404, "unknown_job")


def test_a_job_that_asks_for_a_secret_that_is_not_there_is_refused(operator: httpx.Client) -> None:
    answer = operator.post(f"{API}/jobs", json={"jobs": [{**JOB, "secrets": ["NOWHERE"]}]})

    assert (answer.status_code, answer.json()["code"]) == (422, "unknown_secret")
    assert "no secret NOWHERE" in answer.json()["detail"]


def test_logs_and_progress_of_a_job_are_read_in_parts(house: LittleHouse, operator: httpx.Client) -> None:
    job = held_job(operator)
    points = [{"at": 1.0, "metrics": {"loss": 1 / (seq + 1)}} for seq in range(3)]
    house.store(
        "progress",
        *({"_id": {"job": job, "token": 9, "seq": seq}, **point} for seq, point in enumerate(points)),
    )

    first = operator.get(f"{API}/jobs/{job}/progress?limit=2").json()
    rest = operator.get(f"{API}/jobs/{job}/progress", params={"limit": 2, "after": first["next"]}).json()

    assert [point["seq"] for point in first["points"]] == [0, 1]
    assert [point["metrics"]["loss"] for point in rest["points"]] == [1 / 3]
    assert rest["next"] is None


def test_what_a_job_used_of_its_machine_is_read_apart(house: LittleHouse, operator: httpx.Client) -> None:
    job = held_job(operator)
    metrics = [{"loss": 0.5}, {"system/cpu": 80.0, "system/memory_mb": 12.5}]
    house.store(
        "progress",
        *(
            {"_id": {"job": job, "token": 1, "seq": seq}, "at": 1.0, "metrics": one}
            for seq, one in enumerate(metrics)
        ),
    )

    found = operator.get(f"{API}/jobs/{job}/progress?resources=true").json()

    assert [(point["seq"], point["metrics"]) for point in found["points"]] == [(1, metrics[1])]


def test_events_are_read_from_any_position(operator: httpx.Client) -> None:
    submit(operator, {**JOB, "needs": {"agent": "nobody"}}, {**JOB, "needs": {"agent": "nobody"}})

    everything = operator.get(f"{API}/events", params={"limit": 1000}).json()["events"]
    seen, after = [], None
    while True:
        page = operator.get(f"{API}/events", params={"limit": 3, "after": after or ""}).json()
        if not page["events"]:
            break
        seen += page["events"]
        after = page["next"]

    assert seen == everything
    assert seen[0]["event"]["type"] == "EpochBegan"
    points = [(event["position"], event["index"]) for event in seen]
    assert points == sorted(set(points))
    assert operator.get(f"{API}/events?after={after}").json()["next"] == after


def test_a_position_that_never_comes_is_an_honest_503(operator: httpx.Client) -> None:
    answer = operator.get(f"{API}/jobs", params={"at_least": 10**9})

    assert (answer.status_code, answer.json()["code"]) == (503, "not_caught_up")


def test_status_says_what_runs(operator: httpx.Client) -> None:
    status = operator.get(f"{API}/status").json()

    assert status["hq"]["epoch"] == 7
    assert status["read_models"]["position"] <= status["hq"]["position"]
    assert status["broker"] is True
    assert status["trouble"] == []
