#!/usr/bin/env python3
"""Forecast a series with a season: Holt-Winters, a regression on its past, or the last season again.

Holds out the last steps, prints the errors there against the last season repeated
as a JSON result, and keeps what was forecast as forecast.csv.
"""

import argparse
import sys
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from _table import find_wrong, keep, report

#: Thousands of airline passengers a month, 1949 to 1960: series G of Box and Jenkins, 1976.
PASSENGERS = """
112 118 132 129 121 135 148 148 136 119 104 118 115 126 141 135 125 149 170 170 158 133 114 140
145 150 178 163 172 178 199 199 184 162 146 166 171 180 193 181 183 218 230 242 209 191 172 194
196 196 236 235 229 243 264 272 237 211 180 201 204 188 235 227 234 264 302 293 259 229 203 229
242 233 267 269 270 315 364 347 312 274 237 278 284 277 317 313 318 374 413 405 355 306 271 306
315 301 356 348 355 422 465 467 404 347 305 336 340 318 362 348 363 435 491 505 404 359 310 337
360 342 406 396 420 472 548 559 463 407 362 405 417 391 419 461 472 535 622 606 508 461 390 432
"""


def last_season(past: np.ndarray, season: int, horizon: int) -> np.ndarray:
    """Return the last season, over and over."""
    return np.resize(past[-season:], horizon)


def holt_winters(
    past: np.ndarray, season: int, horizon: int, level_rate: float, trend_rate: float, season_rate: float
) -> np.ndarray:
    """Return a forecast by level, trend and an additive season, each smoothed.

    Winters, Management Science 6 (1960), 324, with the season added as in Hyndman
    and Athanasopoulos, Forecasting (2021), section 8.3.
    """
    level = past[:season].mean()
    trend = (past[season : 2 * season].mean() - level) / season
    seasons = list(past[:season] - level)
    for at, value in enumerate(past[season:], season):
        before, old = level, seasons[at - season]
        level = level_rate * (value - old) + (1 - level_rate) * (level + trend)
        trend = trend_rate * (level - before) + (1 - trend_rate) * trend
        seasons.append(season_rate * (value - level) + (1 - season_rate) * old)
    ahead = np.arange(1, horizon + 1)
    return level + ahead * trend + np.resize(seasons[-season:], horizon)


def on_its_past(past: np.ndarray, season: int, horizon: int, alpha: float) -> np.ndarray:
    """Return a forecast by a ridge regression of each step on the season before it, step by step."""
    from sklearn.linear_model import Ridge

    windows = np.lib.stride_tricks.sliding_window_view(past, season + 1)
    model = Ridge(alpha).fit(windows[:, :-1], windows[:, -1])
    known = list(past)
    for _ in range(horizon):
        known.append(float(model.predict([known[-season:]])[0]))
    return np.array(known[-horizon:])


def main(argv: list[str] | None = None) -> None:
    """Forecast what was held out and print the result."""
    began = time.monotonic()
    options = _parse(argv)
    series = _read(options.table, options.column)
    if len(series) < 2 * options.season + options.horizon:
        sys.exit(f"{len(series)} steps are too few: two seasons and the horizon are held against each other")
    past, held_out = series[: -options.horizon], series[-options.horizon :]
    shape: Callable[[np.ndarray], np.ndarray] = np.log if options.log else np.asarray
    back: Callable[[np.ndarray], np.ndarray] = np.exp if options.log else np.asarray
    if options.log and (past <= 0).any():
        sys.exit("--log needs numbers above nothing")
    rates = (options.level_rate, options.trend_rate, options.season_rate)
    match options.model:
        case "holt-winters":
            found = holt_winters(shape(past), options.season, options.horizon, *rates)
        case "past":
            found = on_its_past(shape(past), options.season, options.horizon, options.alpha)
        case _:
            found = last_season(shape(past), options.season, options.horizon)
    found = back(found)
    plain = last_season(past, options.season, options.horizon)
    steps = np.arange(len(past), len(series))
    rows = pd.DataFrame({"step": steps, "actual": held_out, "forecast": found})
    rmse, rmse_plain = (float(np.sqrt(np.mean((held_out - one) ** 2))) for one in (found, plain))
    report(
        kind="forecast",
        rmse=rmse,
        mape=float(np.mean(np.abs((held_out - found) / held_out))) if (held_out != 0).all() else None,
        # Below 1 it is better than saying that the last season comes again.
        against_last_season=rmse / rmse_plain if rmse_plain else None,
        forecast={"step": steps[-500:], "actual": held_out[-500:], "predicted": found[-500:]},
        model=options.model,
        steps=len(series),
        predictions=keep(rows, options.output),
        seconds=time.monotonic() - began,
    )


def _read(path: str | None, column: str | None) -> np.ndarray:
    if path is None:
        return np.array(PASSENGERS.split(), float)
    try:
        frame = pd.read_csv(path)
    except (OSError, ValueError) as error:
        sys.exit(f"{path} cannot be read as a table: {error}")
    numbers = frame.select_dtypes("number")
    chosen = column or (numbers.columns[-1] if len(numbers.columns) else "")
    if chosen not in numbers:
        sys.exit(f"{path} has no column of numbers {chosen}; it has {', '.join(map(str, numbers))}")
    return numbers[chosen].interpolate(limit_direction="both").to_numpy(float)


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Forecast a series with a season.")
    parser.add_argument("--table", help="CSV file, one step a row (default: airline passengers 1949 to 1960)")
    parser.add_argument("--column", help="the series (default: the last column of numbers)")
    parser.add_argument(
        "--model", choices=["holt-winters", "past", "last-season"], default="holt-winters", help="which one"
    )
    parser.add_argument("--season", type=int, default=12, help="steps of one season")
    parser.add_argument("--horizon", type=int, default=24, help="steps that are held out and forecast")
    parser.add_argument(
        "--level-rate", type=float, default=0.3, help="holt-winters: how fast the level follows"
    )
    parser.add_argument(
        "--trend-rate", type=float, default=0.05, help="holt-winters: how fast the trend does"
    )
    parser.add_argument(
        "--season-rate", type=float, default=0.3, help="holt-winters: how fast the season does"
    )
    parser.add_argument("--alpha", type=float, default=1.0, help="past: how much weights are held down")
    parser.add_argument(
        "--log", action="store_true", help="seasons that grow with the series: take its logarithm"
    )
    parser.add_argument("--output", default="forecast.csv", help="where it is written")
    options = parser.parse_args(argv)
    if options.season < 2 or options.horizon < 1:
        parser.error("a season has 2 steps or more, and the horizon 1")
    wrong = find_wrong(
        options, above_nought=("alpha",), from_nought=("level_rate", "trend_rate", "season_rate")
    )
    if wrong:
        parser.error(wrong)
    return options


if __name__ == "__main__":
    main()
