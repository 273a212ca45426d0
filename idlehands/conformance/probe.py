"""The script that agents under test are given: it says in a file that it began, and as long as it lives.

    probe.py FOLDER TAG SECONDS ENDING [more words]

Runs on the standard library, wherever the agent runs scripts.
"""

import json
import os
import signal
import sys
import time


def main() -> int:
    """Leave traces for SECONDS, then end as ENDING says."""
    folder, tag, seconds, ending = sys.argv[1:5]
    asked: list[int] = []
    if ending == "patient":
        # Else a signal ends it, as it does any script.
        signal.signal(signal.SIGTERM, lambda number, _frame: asked.append(number))
    stop_file = os.environ.get("IDLEHANDS_STOP_FILE", "")
    end = time.monotonic() + float(seconds)
    with open(os.path.join(folder, f"{tag}.{os.getpid()}.{time.time_ns()}"), "ab", buffering=0) as trace:
        trace.write(b".")
        print("the probe says a line", flush=True)
        print(json.dumps({"step": 1, "loss": 0.5}), flush=True)
        # Whoever removes the folder has no more use for this script.
        while time.monotonic() < end and not asked and os.path.isdir(folder):
            if ending == "patient" and stop_file and os.path.exists(stop_file):
                break
            trace.write(b".")
            time.sleep(0.05)
    given = sys.stdin.read() if ending == "stdin" else ""
    if ending == "fail":
        print("the probe was told to fail", file=sys.stderr)
        return 3
    print(json.dumps({"tag": tag, "words": sys.argv[5:], "stdin": given}), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
