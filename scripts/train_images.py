#!/usr/bin/env python3
"""Train a small convolutional torch network on images: scikit-learn's digits, or those of an .npz file.

Prints a line after each epoch and scores and charts as a JSON result. Goes on from
its checkpoint on whatever machine, uses a GPU where there is one, and gives the
same numbers for the same arguments on the same kind of machine.
"""

import argparse
import sys
import time

import numpy as np
import torch
from _scores import of_classification
from _table import find_wrong, report
from _training import is_finite, prepare, train
from torch import nn


def load_images(path: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Return images as (rows, channels, height, width) between 0 and 1, and their labels."""
    if path is None:
        from sklearn.datasets import load_digits

        digits = load_digits()
        return (digits.images[:, None] / 16.0).astype(np.float32), digits.target
    try:
        with np.load(path, allow_pickle=False) as found:
            images, labels = found["images"].astype(np.float32), found["labels"]
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"{path} is no .npz file with `images` and `labels`: {error}")
    if images.ndim == 4:
        images = images.transpose(0, 3, 1, 2)
    elif images.ndim == 3:
        images = images[:, None]
    else:
        sys.exit(f"{path}: images are rows x height x width, with x channels or without, not {images.shape}")
    if len(images) != len(labels):
        sys.exit(f"{path} has {len(images)} images and {len(labels)} labels")
    return images / (255.0 if images.max() > 1 else 1.0), labels


def build_network(channels: int, classes: int, filters: int, dropout: float) -> nn.Sequential:
    """Return two convolutions, and a linear layer on what is left of any size of image."""
    return nn.Sequential(
        *(nn.Conv2d(channels, filters, 3, padding=1), nn.BatchNorm2d(filters), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Conv2d(filters, 2 * filters, 3, padding=1), nn.BatchNorm2d(2 * filters), nn.ReLU()),
        # Not the adaptive pooling, whose gradient is not deterministic on GPUs.
        *(nn.MaxPool2d(2), nn.Flatten(), nn.Dropout(dropout), nn.LazyLinear(classes)),
    )


def shift(batch: torch.Tensor) -> torch.Tensor:
    """Return the images moved by up to a pixel, as if they had been taken again."""
    down, right = (int(one) for one in torch.randint(-1, 2, (2,)))
    return torch.roll(batch, (down, right), (2, 3))


def main(argv: list[str] | None = None) -> None:
    """Train, score the images held out, and print the result."""
    from sklearn.model_selection import train_test_split

    began = time.monotonic()
    options = _parse(argv)
    images, labels = load_images(options.images)
    classes = np.unique(labels)
    learn_x, test_x, learn_y, test_y = train_test_split(
        images, labels, test_size=options.test_share, random_state=options.seed, stratify=labels
    )
    device = prepare(options.seed)
    inputs, others = (torch.tensor(one, device=device) for one in (learn_x, test_x))
    answers = torch.tensor(np.searchsorted(classes, learn_y), device=device)
    network = build_network(images.shape[1], len(classes), options.filters, options.dropout).to(device)
    network.eval()(inputs[:2])  # the lazy layer takes its size

    def predict() -> np.ndarray:
        with torch.no_grad():
            return torch.cat([network(part) for part in others.split(512)]).double().softmax(1).cpu().numpy()

    done = train(
        network,
        (inputs, answers),
        nn.CrossEntropyLoss(),
        lambda: {"accuracy": float((classes[predict().argmax(axis=1)] == test_y).mean())},
        epochs=options.epochs,
        batch_size=options.batch_size,
        learning_rate=options.learning_rate,
        weight_decay=options.weight_decay,
        seed=options.seed,
        augment=shift if options.shift else None,
    )
    shared = {"epochs": done, "device": device.type, "images": len(images)}
    if not is_finite(network):
        report(diverged=True, **shared, seconds=time.monotonic() - began)
        return
    report(**of_classification(test_y, predict(), classes), **shared, seconds=time.monotonic() - began)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Train a small convolutional torch network on images.")
    parser.add_argument(
        "--images", help=".npz file with `images` and `labels` (default: scikit-learn's digits)"
    )
    parser.add_argument(
        "--filters", type=int, default=16, help="of the first layer; the second has twice as many"
    )
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--shift", action="store_true", help="move images by a pixel while it learns")
    parser.add_argument("--learning-rate", type=float, default=0.003)
    parser.add_argument("--weight-decay", type=float, default=0.01)
    parser.add_argument("--epochs", type=int, default=5)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument(
        "--test-share", type=float, default=0.2, help="of images, held out (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args(argv)
    if not 0 < options.test_share < 1 or not 0 <= options.dropout < 1:
        parser.error("--test-share lies between 0 and 1, and so does --dropout, which may be 0")
    if min(options.epochs, options.batch_size, options.filters) < 1:
        parser.error("--epochs, --batch-size and --filters are 1 or more")
    wrong = find_wrong(options, above_nought=("learning_rate",), from_nought=("weight_decay",))
    if wrong:
        parser.error(wrong)
    return options


if __name__ == "__main__":
    main()
