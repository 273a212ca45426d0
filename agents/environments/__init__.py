"""What scripts run in besides the agent's own interpreter: named ones, and environments built by uv."""
