#!/usr/bin/env python3
"""Train a small network on scikit-learn's handwritten digits.

Prints loss and accuracy after each epoch as a JSON line and the result as the last
line. The same arguments on the same kind of machine give the same numbers. Runs by
hand and as a trial of a sweep alike; knows nothing of either.
"""

import argparse
import json
import math
import os
import time

# cuBLAS is deterministic only with a fixed workspace, which it reads when it starts.
os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")

import torch
from torch import nn

PIXELS = 64
DIGITS = 10


def build_network(layers: int, hidden: int, dropout: float) -> nn.Sequential:
    """Return a perceptron with so many hidden layers, each of `hidden` units with dropout."""
    parts: list[nn.Module] = []
    width = PIXELS
    for _ in range(layers):
        parts += [nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout)]
        width = hidden
    return nn.Sequential(*parts, nn.Linear(width, DIGITS))


def load_data(device: torch.device) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """Return training images and digits, then those held out: a fixed fifth, whatever the seed."""
    from sklearn.datasets import load_digits
    from sklearn.model_selection import train_test_split

    digits = load_digits()
    parts = train_test_split(
        digits.data / 16.0, digits.target, test_size=0.2, random_state=0, stratify=digits.target
    )
    train_x, test_x, train_y, test_y = parts
    return (
        torch.tensor(train_x, dtype=torch.float32, device=device),
        torch.tensor(train_y, dtype=torch.long, device=device),
        torch.tensor(test_x, dtype=torch.float32, device=device),
        torch.tensor(test_y, dtype=torch.long, device=device),
    )


def finite(value: float) -> float | None:
    """Return the value, or None when training has diverged: JSON has no NaN."""
    return round(value, 6) if math.isfinite(value) else None


def train(options: argparse.Namespace) -> dict[str, object]:
    """Train, print a line per epoch, and return the result."""
    begun = time.monotonic()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS") or 1))
    torch.manual_seed(options.seed)
    torch.use_deterministic_algorithms(True)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    train_x, train_y, test_x, test_y = load_data(device)
    network = build_network(options.layers, options.hidden, options.dropout).to(device)
    optimizer = torch.optim.Adam(network.parameters(), lr=options.learning_rate)
    loss_of = nn.CrossEntropyLoss()
    # Shuffled on the CPU, so that the order is the same with and without a GPU.
    order = torch.Generator().manual_seed(options.seed)
    loss, accuracy = math.nan, 0.0
    for epoch in range(1, options.epochs + 1):
        network.train()
        for rows in torch.randperm(len(train_x), generator=order).to(device).split(options.batch_size):
            optimizer.zero_grad()
            loss_of(network(train_x[rows]), train_y[rows]).backward()
            optimizer.step()
        network.eval()
        with torch.no_grad():
            answers = network(test_x)
            loss = float(loss_of(answers, test_y))
            accuracy = float((answers.argmax(dim=1) == test_y).float().mean())
        line = {"epoch": epoch, "epochs": options.epochs, "loss": finite(loss), "accuracy": finite(accuracy)}
        print(json.dumps(line, allow_nan=False), flush=True)
    return {
        "accuracy": finite(accuracy),
        "loss": finite(loss),
        "parameters": sum(weights.numel() for weights in network.parameters()),
        "device": device.type,
        "seconds": round(time.monotonic() - begun, 3),
    }


def main(argv: list[str] | None = None) -> None:
    """Train as the command line says and print the result."""
    parser = argparse.ArgumentParser(description="Train a small network on handwritten digits.")
    parser.add_argument("--learning-rate", type=float, default=0.001)
    parser.add_argument("--layers", type=int, default=2, help="hidden layers; 0 is a linear model")
    parser.add_argument("--hidden", type=int, default=64, help="units in each hidden layer")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    for name, good in (
        ("learning_rate", 0 < options.learning_rate < math.inf),
        ("layers", 0 <= options.layers <= 100),
        ("hidden", 1 <= options.hidden <= 65_536),
        ("dropout", 0 <= options.dropout < 1),
        ("epochs", options.epochs >= 1),
        ("batch_size", options.batch_size >= 1),
        ("seed", 0 <= options.seed < 2**63),
    ):
        if not good:
            parser.error(f"--{name.replace('_', '-')} {getattr(options, name)} is out of range")
    print(json.dumps(train(options), allow_nan=False), flush=True)


if __name__ == "__main__":
    main()
