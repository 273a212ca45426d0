"""A member of a population: what it reached grows with each step as its rate deserves."""

import argparse
import json
import math
import os
import time

import idlehands  # the one that comes with the agent

parser = argparse.ArgumentParser()
parser.add_argument("--rate", type=float, required=True)
parser.add_argument("--steps", type=int, default=3)
parser.add_argument("--pause", type=float, default=0.0)
given = parser.parse_args()

path = os.path.join(idlehands.checkpoint_dir(), "state.json")
state = {"step": 0, "score": 0.0, "rates": []}
if os.path.exists(path):
    with open(path) as file:
        state = json.load(file)
while state["step"] < (idlehands.generation() + 1) * given.steps:
    time.sleep(given.pause)
    if state["step"] % given.steps == 0:
        state["rates"].append(given.rate)
    state["step"] += 1
    state["score"] += 1 / (1 + abs(math.log(given.rate / 0.1)))
    with open(f"{path}.partial", "w") as file:
        json.dump(state, file)
    os.replace(f"{path}.partial", path)
print(json.dumps(state))
