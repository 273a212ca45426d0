"""A job that keeps a ledger: one line when it begins, one when it ends, appended whole.

Runs on an agent, so it knows nothing of this project. What it writes stands
outside of HQ's and the agents' reach: what really happened, in which order.
"""

import argparse
import json
import os
import time

parser = argparse.ArgumentParser()
parser.add_argument("--ledger", required=True, help="file to append to")
parser.add_argument("--tag", required=True, help="what the submitter calls this job")
parser.add_argument("--seconds", type=float, default=0.0, help="how long it works")
parser.add_argument("--until", help="a file; it goes on until that is there")
parser.add_argument("--code", type=int, default=0, help="its exit code")
options = parser.parse_args()


job, token = os.environ["IDLEHANDS_JOB"], int(os.environ["IDLEHANDS_TOKEN"])


def note(what: str, token: int = token) -> None:
    line = {
        "what": what,
        "tag": options.tag,
        "job": job,
        "token": token,
        "pid": os.getpid(),
        "folder": os.getcwd(),
        "at": time.monotonic(),
        "wall": time.time(),
    }
    descriptor = os.open(options.ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    # One write, so that lines of several scripts do not mix.
    os.write(descriptor, json.dumps(line).encode() + b"\n")
    os.close(descriptor)


def find_others() -> list[int]:
    """Return the tokens of this job's other attempts that live at this moment."""
    with open(options.ledger, "rb") as ledger:
        content = ledger.read()
    # A line across two pages of the file is seen in halves while it is written.
    whole = content[: content.rfind(b"\n") + 1].splitlines()
    begun = {entry["token"]: entry["pid"] for entry in map(json.loads, whole) if entry["job"] == job}
    return [other for other, pid in begun.items() if other != token and runs(other, pid)]


def runs(other: int, pid: int) -> bool:
    try:
        with open(f"/proc/{pid}/environ", "rb") as environment:
            return f"IDLEHANDS_TOKEN={other}\0".encode() in environment.read()
    except OSError:
        return False


note("begin")
for other in find_others():
    note("beside", other)
over = time.monotonic() + options.seconds
while (left := over - time.monotonic()) > 0:
    time.sleep(min(left, 0.1))
    print(json.dumps({"left": round(max(left, 0.0), 2)}))
while options.until and not os.path.exists(options.until):
    time.sleep(0.02)
note("end")
print(json.dumps({"tag": options.tag}))
raise SystemExit(options.code)
