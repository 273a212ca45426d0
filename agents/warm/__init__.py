"""Forks scripts from warm interpreters instead of starting a Python for each (Linux)."""
