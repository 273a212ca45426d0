"""Pairing: how another computer becomes part of a house with one line, and stays it by renewal.

`join_token`, `fingerprint` and `messages` are what both sides share; `desk`,
`registrar` and `issuing` are the HQ host's side, `joining` and `joined` the
other computer's. docs/security.md tells the protocol.
"""
