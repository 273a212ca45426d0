"""What there is to see on the pictures of the page: something of everything that a house has."""

import random
import time
from pathlib import Path
from typing import Any

from bus.settings import BusSettings
from idlehands.bundle import build_bundle
from idlehands.client import Client, connect
from idlehands.client.datasets import add_dataset
from idlehands.client.house import connect as connect_house
from idlehands.house.home import Home
from idlehands.house.running import RunningHouse
from schemas.requests import CallService, DeployService, ReadServices
from schemas.specs import Choice, FloatRange, IntRange, JobSpec, Limits, ScriptRef, ServiceSpec, SweepSpec

_TRIALS = 36
#: Learns nothing, but looks like it: the pictures need curves, not a network.
_SCRIPT = '''"""Train a small network on handwritten digits."""
import argparse, json, math, random, time
parser = argparse.ArgumentParser()
parser.add_argument("--learning-rate", type=float, default=0.01, help="step of the optimiser")
parser.add_argument("--layers", type=int, default=2, help="hidden layers")
parser.add_argument("--optimizer", choices=["adam", "sgd", "rmsprop"], default="adam", help="how it learns")
parser.add_argument("--dropout", type=float, default=0.1, help="share of units left out")
parser.add_argument("--epochs", type=int, default=24, help="times through the data")
parser.add_argument("--pause", type=float, default=0.1, help="seconds per epoch")
parser.add_argument("--augment", action="store_true", help="shift and turn the digits")
options = parser.parse_args()
best = 0.985 * math.exp(-((math.log10(options.learning_rate) + 2.2) ** 2) / 5)
best *= (1 - abs(options.layers - 3) / 12) * (1 - options.dropout / 4)
best *= {"adam": 1.0, "sgd": 0.93, "rmsprop": 0.97}[options.optimizer]
print(f"{options.layers} layers, {options.optimizer}, learning rate {options.learning_rate:.2g}")
for epoch in range(1, options.epochs + 1):
    accuracy = best * (1 - math.exp(-epoch / (options.epochs / 5))) + random.uniform(-0.008, 0.008)
    loss = 2.3 * (1 - accuracy) + random.uniform(0, 0.03)
    held_out = accuracy - 0.02 - random.uniform(0, 0.01)
    metrics = {"step": epoch, "accuracy": accuracy, "loss": loss, "held_out_accuracy": held_out}
    print(json.dumps(metrics), flush=True)
    print(f"epoch {epoch:3d}/{options.epochs}  loss {loss:.4f}  accuracy {accuracy:.4f}", flush=True)
    print(f"{100 * epoch // options.epochs}%|####      | {epoch}/{options.epochs}", flush=True)
    time.sleep(options.pause)
print(json.dumps({"accuracy": accuracy, "loss": loss, "parameters": options.layers * 4160}))
'''
_RECOGNISE = """
import math


def recognise(image: str, top: int = 3, invert: bool = False) -> dict:
    \"\"\"Say which digit is on a picture.

    Args:
        image: Its path in the dataset.
        top: How many guesses.
        invert: Whether it is white on black.
    \"\"\"
    seed = sum(map(ord, image))
    guesses = sorted(((math.sin(seed * (digit + 1)) ** 2, digit) for digit in range(10)), reverse=True)
    return {"digit": guesses[0][1], "guesses": [{"digit": d, "p": round(p, 3)} for p, d in guesses[:top]]}
"""
_PRICE = """
def price(size: float, rooms: int = 3, garden: bool = False) -> float:
    \"\"\"Predict the price of a house.\"\"\"
    return 1900 * size + 8000 * rooms + 30000 * garden
"""


def set_the_scene(house: RunningHouse) -> dict[str, str]:
    """Put something of everything into the house; return the addresses to look at."""
    scripts = house.home.path / "scripts"
    scripts.mkdir()
    file = scripts / "train_digits.py"
    file.write_text(_SCRIPT)
    with connect(BusSettings.parse(house.home.broker_address, house.home.client("cli"))) as client:
        bundle = build_bundle(file)
        client.put_blob(bundle.content)
        script = ScriptRef(bundle.sha256, bundle.entry, "train_digits")
        space = {
            "learning_rate": FloatRange(1e-4, 1e-1, log=True),
            "layers": IntRange(1, 6),
            "optimizer": Choice(("adam", "sgd", "rmsprop")),
            "dropout": FloatRange(0.0, 0.5),
        }
        trial = JobSpec(script, {"pause": 0.02})
        changed = client.submit_sweep(
            SweepSpec(trial, space, trials=_TRIALS, metric="accuracy", parallel=6, seed=7, name="Digits")
        )
        sweep = changed.sweep
        client.submit([JobSpec(script, {"layers": "many"}, name="a typo")])
        while client.sweep(sweep, at_least=changed.position)["status"] == "running":
            time.sleep(0.2)
        add_dataset(client.rest, "wine", _wine(house.home.path))
        _offer_services(client, house.home.path)
        shipped = _run_shipped(house.home)
        submitted = client.submit(_long_jobs(script))
        job = submitted.jobs[0]
        _wait_until_running(client, job, submitted.position)
    return {**addresses(job, sweep, time.time()), **shipped}


def addresses(job: str, sweep: str, now: float) -> dict[str, str]:
    """Return the address of every page of these, by the name that its picture gets."""
    return {
        "house": "/",
        "jobs": "/jobs",
        "job": f"/jobs/{job}",
        "sweep": f"/sweeps/{sweep}",
        "sweeps": "/sweeps",
        "new": "/new?script=train_digits.py",
        "compare": f"/sweeps/{sweep}?tab=contour&x=learning_rate&y=layers&compare=3,7,11",
        "importance": f"/sweeps/{sweep}?tab=importance",
        "results": f"/results?sweep={sweep}",
        "facets": f"/results?sweep={sweep}&x=params.learning_rate&y=accuracy&color=params.layers"
        "&facet=params.optimizer",
        "pivot": f"/results?sweep={sweep}&by=params.optimizer&across=params.layers&of=accuracy",
        "grouped": "/jobs?group=script",
        "data": "/data",
        "dataset": "/data/wine",
        "services": "/services",
        "service": "/services/recognise",
        "events": "/events",
        "replay": f"/events?from={int(now) - 240}&to={int(now)}",
        "settings": "/settings",
    }


def _run_shipped(home: Home) -> dict[str, str]:
    """Run the scripts that Idlehands brings along; return the addresses of what they leave behind."""
    root = Path(__file__).parents[1]
    with connect_house(home.broker_address, home.client("cli")) as house:
        runs = {"regression": {"model": "ridge"}, "classification": {"example": "breast_cancer"}}
        jobs = {name: _submit_shipped(house.client, root / f"scripts/{name}.py", runs[name]) for name in runs}
        for job in jobs.values():
            for _ in house.client.follow(job):
                pass
        house.promote(jobs["classification"], "tumours", note="Logistic, all columns")
        house.promote(jobs["classification"], "tumours", stage="production")
        house.promote(jobs["regression"], "diabetes", stage="staging")
        pipeline = house.pipeline(root / "docs/examples/pipeline.yaml")
        pipeline.wait()
    shown = {name: f"/jobs/{job}" for name, job in jobs.items()}
    more = {"models": "/models", "model": "/models/tumours", "pipelines": "/pipelines"}
    return {**shown, **more, "pipeline": f"/pipelines/{pipeline.id}"}


def _submit_shipped(client: Client, file: Path, params: dict[str, Any]) -> str:
    bundle = build_bundle(file)
    client.put_blob(bundle.content)
    script = ScriptRef(bundle.sha256, bundle.entry, file.stem)
    return client.submit([JobSpec(script, params, name=file.stem, artifacts=("predictions.csv",))]).jobs[0]


def _offer_services(client: Client, folder: Path) -> None:
    for name, source in (("recognise", _RECOGNISE), ("price", _PRICE)):
        file = folder / f"{name}.py"
        file.write_text(source)
        bundle = build_bundle(file)
        client.put_blob(bundle.content)
        script = ScriptRef(bundle.sha256, bundle.entry, name)
        for _ in range(2):
            client.ask(DeployService(service=ServiceSpec(name, JobSpec(script), name)))
    while not all(one["is_healthy"] for one in client.ask(ReadServices()).result["services"]):
        time.sleep(0.5)
    for number in range(120):
        _call(client, "recognise", {"image": f"digits/{number}.png"})


def _call(client: Client, service: str, params: dict[str, Any]) -> None:
    client.ask(CallService(service=service, params=params), deadline_seconds=60)


def _wine(folder: Path) -> Path:
    chance = random.Random(7)
    file = folder / "wine.csv"
    with file.open("w") as out:
        out.write("alcohol,acid,colour,region,quality\n")
        for _ in range(400):
            alcohol = chance.gauss(13, 0.8)
            acid = "" if chance.random() < 0.05 else f"{chance.gauss(2.3, 1.1) - alcohol / 20:.2f}"
            region = chance.choice(("Alba", "Asti", "Barolo"))
            colour = f"{alcohol * 0.8 + chance.gauss(0, 1):.2f}"
            out.write(f"{alcohol:.2f},{acid},{colour},{region},{chance.randint(3, 9)}\n")
    return file


def _long_jobs(script: ScriptRef) -> list[JobSpec]:
    shown = [
        JobSpec(script, {"learning_rate": 0.004, "layers": 3, "epochs": epochs, "pause": 0.5}, name=name)
        for name, epochs in (
            ("Digits, long", 1200),
            ("Digits, wide", 1500),
            ("Digits, no dropout", 1900),
            ("Fold 1 of 5", 1300),
            ("Fold 2 of 5", 1600),
        )
    ]
    waiting = [
        JobSpec(script, {"epochs": 50}, name=f"Fold {n} of 5", limits=Limits(wall_seconds=3600))
        for n in (3, 4, 5)
    ]
    return [*shown, *waiting]


def _wait_until_running(client: Client, job: str, position: int) -> None:
    while client.job(job, at_least=position)["status"] != "running":
        time.sleep(0.1)
    # Until its curves have something to show.
    while len(client.progress(job)["points"]) < 40 and client.job(job)["status"] == "running":
        time.sleep(0.5)
