"""The event log: the one commit point of HQ."""
