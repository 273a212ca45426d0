#!/usr/bin/env python3
"""Predict a class from a table, with its probability: logistic, forest, boosting, SVC or neighbours.

Prints scores, the confusion matrix and the points of its charts as a JSON result,
and keeps the probabilities for rows held out as predictions.csv.
"""

import argparse
import time

import pandas as pd
from _scores import of_classification
from _table import find_wrong, keep, load, report, say, split


def build_model(options: argparse.Namespace) -> object:
    """Return the model that was asked for, with what it takes scaled."""
    from sklearn import calibration, ensemble, linear_model, neighbors, pipeline, preprocessing, svm

    match options.model:
        case "forest":
            return ensemble.RandomForestClassifier(
                options.trees, max_depth=options.depth, random_state=options.seed
            )
        case "boosting":
            return ensemble.HistGradientBoostingClassifier(
                max_iter=options.trees,
                max_depth=options.depth,
                learning_rate=options.learning_rate,
                random_state=options.seed,
            )
        case "svc":
            # Support vectors have no probabilities of their own; a sigmoid on held-out folds gives them.
            last: object = calibration.CalibratedClassifierCV(svm.SVC(C=options.c), cv=3, ensemble=False)
        case "neighbours":
            last = neighbors.KNeighborsClassifier(options.neighbours)
        case _:
            last = linear_model.LogisticRegression(C=options.c, max_iter=2_000)
    return pipeline.make_pipeline(preprocessing.StandardScaler(), last)


def main(argv: list[str] | None = None) -> None:
    """Fit, predict what was held out, and print the result."""
    began = time.monotonic()
    options = _parse(argv)
    table = load(options.table, options.example, options.target)
    learn_x, test_x, learn_y, test_y = split(table, options.test_share, options.seed, alike=True)
    say(learn_x, test_x)
    model = build_model(options)
    model.fit(learn_x.to_numpy(), learn_y)  # type: ignore[attr-defined]
    found = model.predict_proba(test_x.to_numpy())  # type: ignore[attr-defined]
    classes = model.classes_  # type: ignore[attr-defined]
    rows = pd.DataFrame(found, columns=[f"p_{one}" for one in classes])
    rows.insert(0, "actual", test_y)
    rows.insert(0, "row", test_x.index)
    report(
        **of_classification(test_y, found, classes),
        model=options.model,
        target=table.name,
        source=table.source,
        predictions=keep(rows, options.predictions),
        seconds=time.monotonic() - began,
    )


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Predict a class from a table.")
    parser.add_argument("--table", help="CSV file, such as prepare_data.py writes")
    parser.add_argument("--target", help="the column to predict (default: the last)")
    parser.add_argument(
        "--example",
        choices=["iris", "wine", "breast_cancer", "digits"],
        default="wine",
        help="without a table: one that scikit-learn brings along",
    )
    parser.add_argument(
        "--model",
        choices=["logistic", "forest", "boosting", "svc", "neighbours"],
        default="logistic",
        help="which",
    )
    parser.add_argument("--c", type=float, default=1.0, help="logistic and svc: what an error costs")
    parser.add_argument("--trees", type=int, default=100, help="forest and boosting: how many trees")
    parser.add_argument("--depth", type=int, help="forest and boosting: deepest tree (default: no bound)")
    parser.add_argument("--learning-rate", type=float, default=0.1, help="boosting: how much a tree adds")
    parser.add_argument("--neighbours", type=int, default=5, help="neighbours: how many are asked")
    parser.add_argument(
        "--test-share", type=float, default=0.25, help="of rows, held out (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--predictions", default="predictions.csv", help="where they are written")
    options = parser.parse_args(argv)
    if not 0 < options.test_share < 1:
        parser.error(f"--test-share {options.test_share} is not between 0 and 1")
    wrong = find_wrong(
        options, above_nought=("learning_rate", "c"), from_one=("trees", "depth", "neighbours")
    )
    if wrong:
        parser.error(wrong)
    return options


if __name__ == "__main__":
    main()
