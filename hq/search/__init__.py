"""The search process: chooses the parameters of a sweep's trials.

An ordinary client of the bus. It stores nothing: what was proposed is in the
log, and a sampler that starts anew proposes exactly the same again.
"""
