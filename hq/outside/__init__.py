"""What the house tells the world outside, and what it takes from there.

Runs in the web process, never in HQ: a mail server that does not answer keeps nobody waiting.
"""
