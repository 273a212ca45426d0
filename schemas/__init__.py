"""The vocabulary: every message, spec, state and event, as frozen msgspec Structs.

Imports nothing of the rest of the project. JSON Schemas and the AsyncAPI
document are generated from here (`schemas.documents`).
"""
