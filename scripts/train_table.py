#!/usr/bin/env python3
"""Train a torch network on a table: for a number or for a class, as the target is.

Prints a line after each epoch and scores and charts as a JSON result. Goes on from
its checkpoint on whatever machine, uses a GPU where there is one, and gives the
same numbers for the same arguments on the same kind of machine.
"""

import argparse
import time

import numpy as np
import torch
from _scores import of_classification, of_regression
from _table import Table, find_wrong, load, report, split
from _training import is_finite, prepare, train
from torch import nn


def build_network(width: int, layers: int, hidden: int, dropout: float, outputs: int) -> nn.Sequential:
    """Return a perceptron with so many hidden layers."""
    parts: list[nn.Module] = []
    for _ in range(layers):
        parts += [nn.Linear(width, hidden), nn.ReLU(), nn.Dropout(dropout)]
        width = hidden
    return nn.Sequential(*parts, nn.Linear(width, outputs))


def is_classes(table: Table, task: str) -> bool:
    """Tell whether the target is a class: named so, text, or a few whole numbers."""
    if task != "auto":
        return task == "classification"
    if table.name.startswith("cat_") or not np.issubdtype(table.target.dtype, np.number):
        return True
    return len(np.unique(table.target)) <= 20 and bool((table.target % 1 == 0).all())


def main(argv: list[str] | None = None) -> None:
    """Train, score what was held out, and print the result."""
    began = time.monotonic()
    options = _parse(argv)
    table = load(options.table, options.example, options.target)
    classify = is_classes(table, options.task)
    learn_x, test_x, learn_y, test_y = split(table, options.test_share, options.seed, alike=classify)
    device = prepare(options.seed)
    mean, spread = learn_x.to_numpy().mean(axis=0), learn_x.to_numpy().std(axis=0)
    scaled = [(one.to_numpy() - mean) / np.where(spread > 0, spread, 1) for one in (learn_x, test_x)]
    inputs, others = (torch.tensor(one, dtype=torch.float32, device=device) for one in scaled)
    classes = np.unique(table.target)
    centre, scale = (0.0, 1.0) if classify else (float(learn_y.mean()), float(learn_y.std()) or 1.0)
    if classify:
        answers = torch.tensor(np.searchsorted(classes, learn_y), device=device)
    else:
        answers = torch.tensor((learn_y - centre) / scale, dtype=torch.float32, device=device)[:, None]
    outputs = len(classes) if classify else 1
    network = build_network(inputs.shape[1], options.layers, options.hidden, options.dropout, outputs).to(
        device
    )

    def predict() -> np.ndarray:
        with torch.no_grad():
            found = network(others).double()
        return (found.softmax(dim=1) if classify else found[:, 0] * scale + centre).cpu().numpy()

    def test() -> dict[str, float]:
        found = predict()
        if classify:
            return {"accuracy": float((classes[found.argmax(axis=1)] == test_y).mean())}
        return {"rmse": float(np.sqrt(np.mean((found - test_y) ** 2)))}

    done = train(
        network,
        (inputs, answers),
        nn.CrossEntropyLoss() if classify else nn.MSELoss(),
        test,
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        seed=options.seed,
    )
    shared = {"epochs": done, "device": device.type, "source": table.source}
    if not is_finite(network):
        report(diverged=True, **shared, seconds=time.monotonic() - began)
        return
    found = predict()
    scores = of_classification(test_y, found, classes) if classify else of_regression(test_y, found)
    report(**scores, **shared, seconds=time.monotonic() - began)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a torch network on a table.")
    parser.add_argument("--table", help="CSV file, such as prepare_data.py writes")
    parser.add_argument("--target", help="the column to predict (default: the last)")
    parser.add_argument(
        "--example",
        choices=["diabetes", "iris", "wine", "breast_cancer", "digits"],
        default="breast_cancer",
        help="without a table: one that scikit-learn brings along",
    )
    parser.add_argument("--task", choices=["auto", "regression", "classification"], default="auto")
    parser.add_argument("--layers", type=int, default=2, help="hidden layers; 0 is a linear model")
    parser.add_argument("--hidden", type=int, default=64, help="units in each hidden layer")
    parser.add_argument("--dropout", type=float, default=0.0)
    parser.add_argument("--learning-rate", type=float, default=0.003)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument(
        "--test-share", type=float, default=0.25, help="of rows, held out (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    if not 0 < options.test_share < 1 or not 0 <= options.dropout < 1:
        parser.error("--test-share lies between 0 and 1, and so does --dropout, which may be 0")
    if min(options.epochs, options.batch_size, options.hidden) < 1 or options.layers < 0:
        parser.error("--epochs, --batch-size and --hidden are 1 or more, --layers 0 or more")
    wrong = find_wrong(options, above_nought=("learning_rate",), from_nought=("weight_decay",))
    if wrong:
        parser.error(wrong)
    return options


if __name__ == "__main__":
    main()
