"""What runs in a warm interpreter and in the scripts forked from it. Only the standard library, little of it.

Loaded by `main.py` under the name `inside`, not as a part of `agents`: the
interpreter may be another one than the agent's.
"""
