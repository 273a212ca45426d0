"""Decide: from the state and what arrived to events. Pure; nothing here changes anything."""
