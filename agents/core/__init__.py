"""The pure core of an agent: what to do, and never the doing of it."""
