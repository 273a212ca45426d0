"""The authority: pure core, event log, read models, search and REST routes."""
