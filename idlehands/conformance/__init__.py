"""Checks of the protocol against an agent in any language: `idlehands conformance --agent COMMAND`."""
