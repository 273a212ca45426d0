#!/usr/bin/env python3
"""Predict a number from a table: linear, ridge, forest, boosting or support vectors.

Prints errors, tests of the residuals and the points of its charts as a JSON result,
and keeps every prediction for rows held out as predictions.csv.
"""

import argparse
import time

import pandas as pd
from _scores import of_regression
from _table import find_wrong, keep, load, report, say, split


def build_model(options: argparse.Namespace) -> object:
    """Return the model that was asked for, with what it takes scaled where that matters."""
    from sklearn import ensemble, linear_model, pipeline, preprocessing, svm

    match options.model:
        case "linear":
            return linear_model.LinearRegression()
        case "ridge":
            return pipeline.make_pipeline(preprocessing.StandardScaler(), linear_model.Ridge(options.alpha))
        case "forest":
            return ensemble.RandomForestRegressor(
                options.trees, max_depth=options.depth, random_state=options.seed
            )
        case "boosting":
            return ensemble.HistGradientBoostingRegressor(
                max_iter=options.trees,
                max_depth=options.depth,
                learning_rate=options.learning_rate,
                random_state=options.seed,
            )
    return pipeline.make_pipeline(
        preprocessing.StandardScaler(), svm.SVR(C=options.c, epsilon=options.epsilon)
    )


def main(argv: list[str] | None = None) -> None:
    """Fit, predict what was held out, and print the result."""
    began = time.monotonic()
    options = _parse(argv)
    table = load(options.table, "diabetes", options.target)
    try:
        target = table.target.astype(float)
    except ValueError:
        raise SystemExit(f"{table.name} is no number: classification.py predicts classes") from None
    table.target = target
    learn_x, test_x, learn_y, test_y = split(table, options.test_share, options.seed)
    say(learn_x, test_x)
    model = build_model(options)
    model.fit(learn_x.to_numpy(), learn_y)  # type: ignore[attr-defined]
    predicted = model.predict(test_x.to_numpy())  # type: ignore[attr-defined]
    rows = pd.DataFrame({"row": test_x.index, "actual": test_y, "predicted": predicted})
    rows["residual"] = rows["actual"] - rows["predicted"]
    report(
        **of_regression(test_y, predicted),
        model=options.model,
        target=table.name,
        source=table.source,
        predictions=keep(rows, options.predictions),
        seconds=time.monotonic() - began,
    )


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Predict a number from a table.")
    parser.add_argument("--table", help="CSV file, such as prepare_data.py writes (default: diabetes)")
    parser.add_argument("--target", help="the column to predict (default: the last)")
    parser.add_argument(
        "--model",
        choices=["linear", "ridge", "forest", "boosting", "svr"],
        default="linear",
        help="which one",
    )
    parser.add_argument("--alpha", type=float, default=1.0, help="ridge: how much weights are held down")
    parser.add_argument("--trees", type=int, default=100, help="forest and boosting: how many trees")
    parser.add_argument("--depth", type=int, help="forest and boosting: deepest tree (default: no bound)")
    parser.add_argument("--learning-rate", type=float, default=0.1, help="boosting: how much a tree adds")
    parser.add_argument("--c", type=float, default=10.0, help="svr: what an error costs")
    parser.add_argument("--epsilon", type=float, default=0.1, help="svr: errors that cost nothing")
    parser.add_argument(
        "--test-share", type=float, default=0.25, help="of rows, held out (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--predictions", default="predictions.csv", help="where they are written")
    options = parser.parse_args(argv)
    if not 0 < options.test_share < 1:
        parser.error(f"--test-share {options.test_share} is not between 0 and 1")
    wrong = find_wrong(
        options,
        above_nought=("learning_rate", "c"),
        from_nought=("alpha", "epsilon"),
        from_one=("trees", "depth"),
    )
    if wrong:
        parser.error(wrong)
    return options


if __name__ == "__main__":
    main()
