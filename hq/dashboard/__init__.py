"""Optuna's own page, optuna-dashboard, over the sweeps of a house: to look at, on this machine only."""
