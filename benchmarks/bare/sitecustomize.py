"""Takes the signatures out of every Python process of a benchmark's second house.

Found by the interpreter because `benchmarks.signatures` puts this folder on
`PYTHONPATH` of that house alone. The product has no such switch.
"""

import sys

from bus import topics

for _topic in (topics.GRANT, topics.RESULT):
    object.__setattr__(_topic, "signed", False)

# Each only where it is used: what it needs is among what is compared.
if "agents" in sys.orig_argv:
    from agents.trust import Trust

    setattr(Trust, "judge", lambda _self, _grant: "")  # noqa: B010 - mypy knows it as a method
if "hq" in sys.orig_argv:
    from hq.trusting import HouseAuthor

    setattr(HouseAuthor, "sign_grants", lambda _self, grants: grants)  # noqa: B010 - as above
