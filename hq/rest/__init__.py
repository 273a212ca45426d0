"""REST: everything that the bus can do and the read models say, under /api/v1.

Reads MongoDB, asks HQ over the bus; holds no state of its own that matters.
Mounted by `dash_app`. Who may do what is decided in one place, `hq.rest.gate`.
"""
