"""The figures of this house: real broker, mongod, HQ and agents, measured on this machine.

`python -m benchmarks [NAME...]` prints a table of medians. What they mean, and
what limits each, is in `docs/performance.md`.
"""
