"""Trains a small model epoch by epoch, and goes on where its last checkpoint stands.

Each epoch's randomness comes from a generator whose state is in the
checkpoint, as the optimiser's is: however often it is interrupted, the end is
the same to the last bit. With `--framework torch` it is a network with Adam
and dropout, else least squares with momentum in plain numpy.
"""

import argparse
import json
import os
import time
from typing import Any, Protocol

import numpy as np

import idlehands  # the one that comes with the agent


class Model(Protocol):
    def train(self) -> float: ...
    def save(self, path: str) -> None: ...
    def load(self, path: str) -> None: ...


class Numpy:
    """Least squares by stochastic gradient descent."""

    def __init__(self) -> None:
        self.random = np.random.default_rng(7)
        self.x = self.random.normal(size=(256, 8))
        self.y = self.x @ np.arange(8.0) + self.random.normal(size=256)
        self.weights, self.speed = np.zeros(8), np.zeros(8)

    def train(self) -> float:
        for batch in np.array_split(self.random.permutation(256), 16):
            error = self.x[batch] @ self.weights - self.y[batch]
            self.speed = 0.9 * self.speed - 0.01 * self.x[batch].T @ error / len(batch)
            self.weights = self.weights + self.speed
        return float(np.mean((self.x @ self.weights - self.y) ** 2))

    def save(self, path: str) -> None:
        state = json.dumps(self.random.bit_generator.state)
        with open(path, "wb") as file:
            np.savez(file, weights=self.weights, speed=self.speed, state=state)

    def load(self, path: str) -> None:
        found = np.load(path)
        self.weights, self.speed = found["weights"], found["speed"]
        self.random.bit_generator.state = json.loads(str(found["state"]))


class Torch:
    """A network with dropout and Adam: its own state and two generators'."""

    def __init__(self) -> None:
        import torch

        self.torch = torch
        torch.manual_seed(7)
        torch.set_num_threads(1)
        self.x = torch.randn(256, 8)
        self.y = torch.sin(self.x.sum(dim=1, keepdim=True))
        self.model = torch.nn.Sequential(
            torch.nn.Linear(8, 32), torch.nn.ReLU(), torch.nn.Dropout(0.2), torch.nn.Linear(32, 1)
        )
        self.optimiser = torch.optim.Adam(self.model.parameters(), lr=0.01)

    def train(self) -> float:
        loss: Any = None
        for batch in self.torch.split(self.torch.randperm(256), 16):
            self.optimiser.zero_grad()
            loss = self.torch.nn.functional.mse_loss(self.model(self.x[batch]), self.y[batch])
            loss.backward()
            self.optimiser.step()
        return float(loss.item())

    def save(self, path: str) -> None:
        state = {
            "model": self.model.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "random": self.torch.get_rng_state(),
        }
        self.torch.save(state, path)

    def load(self, path: str) -> None:
        state = self.torch.load(path)
        self.model.load_state_dict(state["model"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.torch.set_rng_state(state["random"])


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--framework", choices=("numpy", "torch"), default="numpy")
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--pause", type=float, default=0.1)
    parser.add_argument("--until", default="", help="train the last epoch once this file is there")
    given = parser.parse_args()
    folder = idlehands.checkpoint_dir()  # type: ignore[attr-defined]
    model: Model = Torch() if given.framework == "torch" else Numpy()
    losses: list[float] = []
    if os.path.exists(os.path.join(folder, "latest.json")):
        with open(os.path.join(folder, "latest.json")) as file:
            latest = json.load(file)
        losses = latest["losses"]
        model.load(os.path.join(folder, latest["model"]))
    print(f"begins at epoch {len(losses)}", flush=True)
    while len(losses) < given.epochs and not idlehands.should_stop():  # type: ignore[attr-defined]
        if given.until and len(losses) == given.epochs - 1 and not os.path.exists(given.until):
            # Whoever interrupts it is never too late. What is saved again is another checkpoint.
            time.sleep(given.pause)
            save(model, losses, folder)
            continue
        losses.append(model.train())
        time.sleep(given.pause)
        save(model, losses, folder)
    print(json.dumps({"epochs": len(losses), "loss": losses[-1], "sum": sum(losses)}))


def save(model: Model, losses: list[float], folder: str) -> None:
    """Save so that a kill at any moment leaves the last checkpoint or this one, whole."""
    name = f"model-{len(losses)}"
    model.save(os.path.join(folder, name))
    with open(os.path.join(folder, "latest.json.new"), "w") as file:
        json.dump({"losses": losses, "model": name}, file)
    os.replace(os.path.join(folder, "latest.json.new"), os.path.join(folder, "latest.json"))
    for other in os.listdir(folder):
        if other.startswith("model-") and other != name:
            os.remove(os.path.join(folder, other))


if __name__ == "__main__":
    main()
