"""The judge of a chaos run: a program of its own that trusts nobody.

    python -m tests.chaos.oracle --mongodb-file FILE --history FILE --ledger FILE [--spool HOME ...]

Reads the submitter's history, the ledger that the scripts wrote, the spools
and the collections; folds the log by its own few rules. Prints what it counted
as JSON, and every violation with its invariant; exit code 1 when there is one.
"""

import argparse
import json
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.chaos.evidence import Evidence, count, read_evidence
from tests.chaos.history import Cancelled, Noticed, Read, Reused, Spooled, plan_of
from tests.e2e.workplace import Entry, is_gone

Found = Iterator[str]


def check_i1_every_accepted_job_ends_once(seen: Evidence) -> Found:
    for job in seen.accepted:
        if job not in seen.log.jobs:
            yield f"{job} was accepted and is not in the log"
        elif len(seen.story(job).ends) != 1:
            yield f"{job} reached a terminal state {len(seen.story(job).ends)} times: {seen.story(job).ends}"
    for job, story in seen.log.jobs.items():
        for end, code in ((end, plan_of(story.tag).code) for end in story.ends):
            if end == "JobSucceeded" and code != 0:
                yield f"{job} succeeded though its script exits with {code}"
            if end == "JobFailed" and code == 0:
                yield f"{job} failed though its script does not: {story.why}"
    cancelled = {line.job for line in seen.lines if isinstance(line, Cancelled) and line.code == ""}
    for job in cancelled:
        if seen.story(job).ends != ["JobCancelled"]:
            yield f"the cancel of {job} was accepted, but it ended as {seen.story(job).ends}"


def check_i3_one_accepted_result(seen: Evidence) -> Found:
    accepted = Counter(row["job"] for row in seen.results if row["verdict"] == "accepted")
    begun = seen.begins()
    for job, story in seen.log.jobs.items():
        wanted = 1 if story.accepted is not None else 0
        if accepted[job] != wanted:
            yield f"{job} has {accepted[job]} accepted results, the log says {wanted}"
        if story.ends == ["JobSucceeded"]:
            assert story.accepted is not None
            if story.accepted not in story.claims:
                yield f"{job} succeeded by attempt {story.accepted}, which was never granted"
            if (job, story.accepted) not in begun:
                yield f"{job} succeeded by attempt {story.accepted}, which never began"
    stored = {(row["job"], row["token"]): row for row in seen.results}
    for key, result in seen.log.results.items():
        if key not in stored:
            yield f"the result of {key} is in the log and not among the results"
        elif stored[key]["result"].get("result") != result.get("result"):
            yield f"the stored result of {key} is not that of the log"


def check_i4_spooled_results_arrive(seen: Evidence) -> Found:
    for line in seen.lines:
        if isinstance(line, Spooled) and (line.job, line.token) not in seen.log.results:
            yield f"{line.agent} had a result of {line.job} {line.token} in its spool, HQ does not have it"
    yield from seen.left


def check_i5_granted_attempts_begin_once(seen: Evidence) -> Found:
    for (job, token), entries in seen.begins().items():
        if len(entries) > 1:
            yield f"attempt {job} {token} began {len(entries)} times"
        claim = seen.story(job).claims.get(token)
        if claim is None:
            yield f"attempt {job} {token} began without a grant"
        elif claim.agent != entries[0].agent:
            yield f"attempt {job} {token} was granted to {claim.agent} and began on {entries[0].agent}"
        elif entries[0].wall < claim.at:
            yield f"attempt {job} {token} began before its grant was decided"


def check_i6_order(seen: Evidence) -> Found:
    yield from seen.log.disorder
    for job, story in seen.log.jobs.items():
        tokens = list(story.claims)
        if tokens != sorted(set(tokens)):
            yield f"the tokens of {job} do not increase: {tokens}"
        if story.after_end:
            yield f"{job} has events after its end: {story.after_end}"


def check_i22_readers(seen: Evidence) -> Found:
    latest: dict[str, int] = {}
    for line in seen.lines:
        if isinstance(line, Noticed | Read) and line.job in seen.log.jobs:
            known = seen.story(line.job).statuses
            if line.revision > len(known):
                yield f"a reader saw revision {line.revision} of {line.job}, the log has {len(known)}"
            elif known[line.revision - 1] != line.status:
                yield f"a reader saw {line.job} {line.status} at revision {line.revision}: {known}"
        if isinstance(line, Read):
            if line.revision < latest.get(line.job, 0):
                yield f"a reader saw {line.job} go back to revision {line.revision}"
            latest[line.job] = line.revision


def check_i7_one_answer_per_key(seen: Evidence) -> Found:
    for key, answers in seen.answers.items():
        if len(answers) > 1:
            yield f"the key {key} got {len(answers)} different answers: {answers}"
        for jobs in answers:
            tags = tuple(seen.story(job).tag for job in jobs if job in seen.log.jobs)
            if tags != seen.tags[key]:
                yield f"the key {key} asked for {seen.tags[key]} and got {tags}"
    for line in seen.lines:
        if isinstance(line, Reused) and line.code != "key_reused":
            yield f"the key {line.key} was used for another submission: {line.code or 'accepted'}"
    submitted = Counter(story.tag for story in seen.log.jobs.values())
    yield from (f"{tag} was submitted {count} times" for tag, count in submitted.items() if count > 1)
    for key in seen.tags.keys() - seen.answers.keys():
        yield f"the submission {key} was never answered (I9)"


def check_i8_starts(seen: Evidence) -> Found:
    for job, story in seen.log.jobs.items():
        plan = plan_of(story.tag)
        allowed = max(plan.max_starts, plan.retry_on_failure + 1)
        if story.starts > allowed:
            yield f"{job} used up {story.starts} starts of {allowed}"
        if story.ends == ["JobDied"] and story.starts < allowed and len(story.lost_on) < 2:
            yield f"{job} is dead after {story.starts} of {allowed} starts, lost on {sorted(story.lost_on)}"


def check_i11_read_models(seen: Evidence) -> Found:
    for job, story in seen.log.jobs.items():
        stored = seen.jobs.get(job, {"status": "absent", "revision": 0})
        if (stored["status"], stored["revision"]) != (story.statuses[-1], len(story.statuses)):
            yield f"{job} is {story.statuses[-1]} by the log and {stored['status']} in its read model"
    yield from seen.differences


def check_i2_and_i13_processes(seen: Evidence) -> Found:
    for entry in seen.ledger:
        if entry.what == "beside" and plan_of(entry.tag).exclusive:
            yield f"the exclusive {entry.job} ran twice at a time, also as {entry.token}"
        if entry.what == "begin" and not is_gone(entry.pid) and _is_ours(entry):
            yield f"process {entry.pid} of {entry.job} {entry.token} still lives"


CHECKS: tuple[Callable[[Evidence], Found], ...] = (
    check_i1_every_accepted_job_ends_once,
    check_i2_and_i13_processes,
    check_i3_one_accepted_result,
    check_i4_spooled_results_arrive,
    check_i5_granted_attempts_begin_once,
    check_i6_order,
    check_i7_one_answer_per_key,
    check_i8_starts,
    check_i11_read_models,
    check_i22_readers,
)


def _is_ours(entry: Entry) -> bool:
    try:
        environment = Path(f"/proc/{entry.pid}/environ").read_bytes()
    except OSError:
        return False
    return f"IDLEHANDS_JOB={entry.job}".encode() in environment


def judge(seen: Evidence) -> list[str]:
    """Return every violation, with the check that found it."""
    return [f"{check.__name__.removeprefix('check_')}: {found}" for check in CHECKS for found in check(seen)]


def main(argv: list[str] | None = None) -> int:
    """Judge and return the exit code."""
    parser = argparse.ArgumentParser(prog="python -m tests.chaos.oracle")
    parser.add_argument("--mongodb-file", required=True, type=Path)
    parser.add_argument("--history", required=True, type=Path)
    parser.add_argument("--ledger", required=True, type=Path)
    parser.add_argument("--spool", action="append", default=[], type=Path, metavar="HOME")
    options = parser.parse_args(argv)
    seen = read_evidence(
        options.mongodb_file.read_text().strip(), options.history, options.ledger, options.spool
    )
    violations = judge(seen)
    print(json.dumps({"counted": count(seen), "violations": violations}, indent=2))
    return 1 if violations else 0


if __name__ == "__main__":
    sys.exit(main())
