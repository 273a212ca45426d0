#!/usr/bin/env python3
"""Find groups in a table: k-means, Gaussian mixture, agglomerative or DBSCAN.

Prints how well the groups stand apart, their sizes and a map of them in two
dimensions as a JSON result, and keeps the group of each row as clusters.csv.
"""

import argparse
import sys
import time

import numpy as np
import pandas as pd
from _table import find_wrong, keep, load, report, say, thin


def find_groups(options: argparse.Namespace, scaled: np.ndarray) -> np.ndarray:
    """Return the group of each row; -1 is none (DBSCAN)."""
    from sklearn import cluster, mixture

    match options.model:
        case "mixture":
            return mixture.GaussianMixture(options.clusters, random_state=options.seed).fit_predict(scaled)
        case "agglomerative":
            return cluster.AgglomerativeClustering(options.clusters).fit_predict(scaled)
        case "dbscan":
            return cluster.DBSCAN(eps=options.eps, min_samples=options.neighbours).fit_predict(scaled)
    return cluster.KMeans(options.clusters, n_init=10, random_state=options.seed).fit_predict(scaled)


def main(argv: list[str] | None = None) -> None:
    """Find the groups and print the result."""
    from sklearn import decomposition, metrics, preprocessing

    began = time.monotonic()
    options = _parse(argv)
    table = load(options.table, options.example, options.target, whole=True)
    scaled = preprocessing.StandardScaler().fit_transform(table.features.to_numpy())
    say(scaled, ())
    if len(scaled) < options.clusters:
        sys.exit(f"{table.source} has {len(scaled)} rows, too few for {options.clusters} groups: --clusters")
    groups = find_groups(options, scaled)
    names, sizes = np.unique(groups, return_counts=True)
    told_apart = 1 < len(names) < len(groups)
    flat = (
        decomposition.PCA(2, random_state=options.seed).fit_transform(scaled) if scaled.shape[1] > 1 else None
    )
    shown = thin(len(groups))
    chart = {} if flat is None else {"x": flat[shown, 0], "y": flat[shown, 1], "group": groups[shown]}
    report(
        kind="clustering",
        silhouette=metrics.silhouette_score(scaled, groups) if told_apart else None,
        # How well the groups are those that the target names; chance is 0.
        agreement=metrics.adjusted_rand_score(table.target, groups) if len(table.target) else None,
        groups={str(name): int(size) for name, size in zip(names, sizes, strict=True)},
        map=chart,
        model=options.model,
        source=table.source,
        clusters=keep(pd.DataFrame({"row": table.features.index, "group": groups}), options.output),
        seconds=time.monotonic() - began,
    )


def _parse(argv: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Find groups in a table.")
    parser.add_argument("--table", help="CSV file, such as prepare_data.py writes")
    parser.add_argument("--target", help="a column that is left out, and compared with the groups")
    parser.add_argument(
        "--example",
        choices=["iris", "wine", "breast_cancer", "digits"],
        default="iris",
        help="without a table",
    )
    parser.add_argument(
        "--model",
        choices=["kmeans", "mixture", "agglomerative", "dbscan"],
        default="kmeans",
        help="which one",
    )
    parser.add_argument("--clusters", type=int, default=3, help="how many groups (not dbscan)")
    parser.add_argument("--eps", type=float, default=0.8, help="dbscan: how near neighbours are")
    parser.add_argument("--neighbours", type=int, default=5, help="dbscan: how many make a group")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--output", default="clusters.csv", help="where the groups are written")
    options = parser.parse_args(argv)
    wrong = find_wrong(options, above_nought=("eps",), from_one=("clusters", "neighbours"))
    if wrong:
        parser.error(wrong)
    return options


if __name__ == "__main__":
    main()
