"""A plugin for pytest: joblib's own tests of Parallel, with the backend `idlehands` among those tried.

pytest -p tests.peers.joblib_backend --pyargs joblib.test.test_parallel -k idlehands
"""

import idlehands.joblib  # noqa: F401 - it makes the backend known before the tests list them all
