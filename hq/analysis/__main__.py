"""`python -m hq.analysis`: importance in a process of its own, asked on standard input, answered on output.

A forest needs a second, much memory and Python's lock; the process that serves the page has other things to
do.
"""

import json
import sys

from hq.analysis.frame import trials_table
from hq.analysis.importance import importance


def main() -> int:
    """Answer one question: `{spec, trials, value, method}`."""
    asked = json.load(sys.stdin)
    table = trials_table(asked["spec"], asked["trials"])
    json.dump(importance(table, table.goal(asked["value"]), asked["method"]), sys.stdout)
    return 0


if __name__ == "__main__":
    sys.exit(main())
