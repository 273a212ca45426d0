"""A user's own file: all of the client, under `mypy --strict`. `assert_type` fails where a type is lost."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any, assert_type

import idlehands


def area(width: float, height: float = 1.0) -> float:
    return width * height


def name_of(number: int) -> str:
    return f"trial {number}"


def functions(house: idlehands.House) -> None:
    job = house.submit(area, 2.0, height=3.0)
    assert_type(job, idlehands.Job[float])
    assert_type(job.result(timeout=60), float)
    assert_type(job.status, str)
    assert_type(house.map(name_of, range(3)), Iterator[str])
    for one in house.submit_all(name_of, range(3)):
        assert_type(one.result(), str)
    wishes = idlehands.Wishes(needs=idlehands.Needs(gpus=1), limits=idlehands.Limits(wall_seconds=60))
    assert_type(house.submit_call(area, (1.0,), wishes=wishes), idlehands.Job[float])
    try:
        job.result(0)
    except idlehands.StillRunning:
        job.cancel()
    except idlehands.JobFailure as failure:
        assert_type(failure.kind, str)


def mistakes(house: idlehands.House) -> None:
    """Each line is wrong; an ignore that nobody needs would be an error itself."""
    house.submit(area, "wide")  # type: ignore[call-overload]
    house.submit(area, depth=1.0)  # type: ignore[call-overload]
    house.connect()  # type: ignore[attr-defined]


def scripts(house: idlehands.House) -> None:
    job = house.submit(Path("train.py"), lr=0.1)
    assert_type(job.id, str)
    for update in job.follow():
        match update:
            case idlehands.LogUpdate(lines=lines):
                assert_type(lines, tuple[str, ...])
            case idlehands.ProgressUpdate(percent=percent):
                assert_type(percent, float | None)
            case idlehands.StatusUpdate(status=status, why=why):
                print(str(status), why.upper())
    assert_type(job.log(), list[str])
    assert_type(job.get("out"), list[Path])


def sweeps(house: idlehands.House) -> None:
    sweep = house.sweep("train.py", {"lr": "log:1e-5..1e-1"}, {"accuracy": "max"}, trials=20)
    assert_type(sweep, idlehands.Sweep)
    for update in sweep.follow():
        assert_type(update, idlehands.SweepUpdate)
    assert_type(sweep.best_params, dict[str, Any])
    print(house.results(sweep=sweep.id).head())


def services(house: idlehands.House) -> None:
    encode = house.service("encode", deadline=5)
    print(encode(text="hi"), [future.result() for future in (encode.submit(text="a"),)])
    assert_type(encode.status(), dict[str, Any])


def executor(house: idlehands.House) -> None:
    with idlehands.Executor(max_workers=4, house=house) as pool:
        assert_type(pool.submit(area, 1.0).result(), float)
        assert_type(list(pool.map(name_of, range(3), chunksize=2)), list[str])


async def with_a_loop() -> None:
    async with await idlehands.connect_async(timeout=10) as house:
        job = await house.submit(area, 2.0)
        assert_type(job, idlehands.AsyncJob[float])
        assert_type(await job.result(), float)
        async for update in job.follow():
            print(update)
        async for name in house.map(name_of, range(3)):
            assert_type(name, str)
        print(await house.call("encode", text="hi"))


if __name__ == "__main__":
    with idlehands.connect(trust=["attic-pc"]) as connected:
        for show in (functions, mistakes, scripts, sweeps, services, executor):
            show(connected)
    asyncio.run(with_a_loop())
