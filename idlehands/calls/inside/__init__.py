"""What travels to the agent with a call, and imports nothing of ours."""
