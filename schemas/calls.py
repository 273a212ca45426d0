"""What function jobs are known by: their script, and the names of its parameters."""

#: The script that runs a pickled call. HQ takes jobs of a script called so only with an author's signature.
CALL_ENTRY = "idlehands_call.py"
#: SHA-256 of the pickled call: the one value that its author signs the script for.
CALL = "idlehands_call"
#: The pickled call in base64, or a blob with it.
PAYLOAD = "idlehands_payload"
#: Blobs that the call refers to.
BLOBS = "idlehands_blobs"
#: How a call ended, in its result; for its caller.
ENDED = "idlehands"
#: What no table of parameters and results is helped by.
OURS = frozenset({CALL, PAYLOAD, BLOBS, ENDED})
