"""What a model is worth: errors, two tests of residuals, points of charts. The keys: docs/results.md."""

from typing import Any

import numpy as np
from _table import thin
from scipy import stats

_CURVES_AT_MOST = 12
_CURVE_POINTS = 100
_CLASSES_AT_MOST = 30


def breusch_pagan(predicted: np.ndarray, residuals: np.ndarray) -> dict[str, float]:
    """Test whether residuals spread alike at every level of the prediction.

    n R² of the squared residuals on the prediction, chi-squared with one degree of
    freedom: Breusch and Pagan, Econometrica 47 (1979), 1287, as studentised by
    Koenker, Journal of Econometrics 17 (1981), 107.
    """
    squared = residuals**2
    design = np.column_stack([np.ones_like(predicted), predicted])
    left = _sum_of_squares(design, squared)
    whole = float(((squared - squared.mean()) ** 2).sum())
    statistic = max(0.0, len(squared) * (1 - left / whole)) if whole > 0 else 0.0
    return {"statistic": statistic, "p": float(stats.chi2.sf(statistic, 1))}


def reset(predicted: np.ndarray, actual: np.ndarray) -> dict[str, float]:
    """Test whether powers of the prediction explain what the prediction does not.

    F of adding its square and cube to the actual value's regression on it: Ramsey,
    Journal of the Royal Statistical Society B 31 (1969), 350.
    """
    # Powers of a standardised prediction span the same space, and can be computed with.
    z = (predicted - predicted.mean()) / (predicted.std() or 1.0)
    ones = np.ones_like(z)
    few = _sum_of_squares(np.column_stack([ones, z]), actual)
    many = _sum_of_squares(np.column_stack([ones, z, z**2, z**3]), actual)
    freedom = len(z) - 4
    if freedom < 1 or many <= 0:
        return {"statistic": 0.0, "p": 1.0}
    statistic = max(0.0, (few - many) / 2 / (many / freedom))
    return {"statistic": statistic, "p": float(stats.f.sf(statistic, 2, freedom))}


def _sum_of_squares(design: np.ndarray, values: np.ndarray) -> float:
    """Return what is left of the values after their least-squares fit."""
    found = np.linalg.lstsq(design, values, rcond=None)[0]
    return float(((values - design @ found) ** 2).sum())


def of_regression(actual: Any, predicted: Any) -> dict[str, Any]:
    """Return errors, tests and points of predictions of numbers."""
    from sklearn import metrics

    actual, predicted = np.asarray(actual, float), np.asarray(predicted, float)
    shown = thin(len(actual))
    return {
        "kind": "regression",
        "r2": metrics.r2_score(actual, predicted),
        "mae": metrics.mean_absolute_error(actual, predicted),
        "rmse": metrics.root_mean_squared_error(actual, predicted),
        "breusch_pagan": breusch_pagan(predicted, actual - predicted),
        "reset": reset(predicted, actual),
        "points": {"actual": actual[shown], "predicted": predicted[shown]},
    }


def of_classification(actual: Any, probabilities: Any, classes: Any) -> dict[str, Any]:
    """Return scores, confusion and curves of predicted probabilities, one column a class."""
    from sklearn import metrics

    actual, probabilities = np.asarray(actual), np.asarray(probabilities, float)
    classes = np.asarray(classes)
    chosen = classes[probabilities.argmax(axis=1)]
    curves = _curves(actual, probabilities, classes)
    return {
        "kind": "classification",
        "accuracy": metrics.accuracy_score(actual, chosen),
        "f1": metrics.f1_score(actual, chosen, average="macro"),
        "log_loss": metrics.log_loss(actual, probabilities, labels=classes),
        "auc": float(np.mean([one["auc"] for one in curves["roc"].values()])) if curves["roc"] else None,
        "classes": [str(one) for one in classes[:_CLASSES_AT_MOST]],
        "confusion": metrics.confusion_matrix(actual, chosen, labels=classes[:_CLASSES_AT_MOST]),
        **curves,
        "calibration": _calibration(actual == chosen, probabilities.max(axis=1)),
    }


def _curves(actual: np.ndarray, probabilities: np.ndarray, classes: np.ndarray) -> dict[str, Any]:
    """Return ROC and precision against recall of each class; of two, of the second."""
    from sklearn import metrics

    roc: dict[str, Any] = {}
    pr: dict[str, Any] = {}
    for at, name in list(enumerate(classes))[1 if len(classes) == 2 else 0 :][:_CURVES_AT_MOST]:
        is_it = actual == name
        if not 0 < is_it.sum() < len(is_it):
            continue
        false, true, _ = metrics.roc_curve(is_it, probabilities[:, at])
        precision, recall, _ = metrics.precision_recall_curve(is_it, probabilities[:, at])
        some, others = thin(len(false), _CURVE_POINTS), thin(len(recall), _CURVE_POINTS)
        roc[str(name)] = {"false": false[some], "true": true[some], "auc": metrics.auc(false, true)}
        average = metrics.average_precision_score(is_it, probabilities[:, at])
        pr[str(name)] = {"recall": recall[others], "precision": precision[others], "average": average}
    return {"roc": roc, "pr": pr}


def _calibration(right: np.ndarray, sure: np.ndarray, bins: int = 10) -> dict[str, Any]:
    """Return how often the model was right, by how sure it was."""
    place = np.clip((sure * bins).astype(int), 0, bins - 1)
    full = [one for one in range(bins) if (place == one).any()]
    return {
        "predicted": [sure[place == one].mean() for one in full],
        "observed": [right[place == one].mean() for one in full],
        "count": [int((place == one).sum()) for one in full],
    }
