"""The options that say what a job is and where it may run, in blocks that commands share.

Placed      what is packed, what machine it needs        serve
Template    and what a job is called, gets and keeps      schedule, hook, topic
JobOptions  and when it may begin                         sweep
OneJob      and its seed                                  run, submit
"""

from dataclasses import dataclass
from typing import Any

from idlehands.cli import options
from schemas.specs import Limits, Needs


@dataclass(frozen=True, kw_only=True)
class Placed:
    """What goes with a script, and what a machine must have for it."""

    arguments: options.Arguments = "flags"
    include: options.Include = None
    author_key: options.AuthorKey = None
    label: options.Label = None
    agent: options.Agent = None
    memory_mb: options.Memory = 0
    gpus: options.Gpus = 0
    isolation: options.IsolationMinimum = "basic"
    network: options.Network = False
    env: options.Environment = "auto"
    secret: options.Secret = None
    secret_files: options.SecretFiles = False

    def needs(self) -> Needs:
        """Return what a machine must have.

        Raises:
            Stop: If there is no such isolation.
        """
        options.check_word("--arguments", self.arguments, ("flags", "positional", "stdin"))
        level = options.checked_isolation(self.isolation) or "basic"
        labels = tuple(self.label or ())
        return Needs(self.memory_mb, self.gpus, labels, self.agent, level, self.network)

    def secret_fields(self) -> dict[str, Any]:
        """Return the fields of a job spec that name its secrets."""
        how = "files" if self.secret_files else "environment"
        return {"secrets": tuple(self.secret or ()), "secrets_as": how}


@dataclass(frozen=True, kw_only=True)
class Template(Placed):
    """A job as it is laid down to be submitted later, as often as it comes."""

    param: options.Params = None
    name: options.Name = ""
    project: options.Project = None
    tag: options.Tags = None
    note: options.Note = ""
    artifact: options.Artifact = None
    priority: options.Priority = 0
    retry_on_failure: options.Retries = 0
    time_limit: options.Wall = 0
    memory_limit: options.MemoryLimit = 0
    cpu_limit: options.CpuLimit = 0
    process_limit: options.ProcessLimit = 0
    disk_limit: options.DiskLimit = 0
    force: options.Force = False

    def spec_fields(self) -> dict[str, Any]:
        """Return the keyword arguments of `words.build_spec` that these options are.

        Raises:
            Stop: If one of them says what is not.
        """
        return {
            **self.secret_fields(),
            "arguments": self.arguments,
            "name": self.name,
            "project": self.project,
            "tags": tuple(self.tag or ()),
            "note": self.note,
            "needs": self.needs(),
            "artifacts": tuple(self.artifact or ()),
            "limits": Limits(
                wall_seconds=self.time_limit,
                memory_mb=self.memory_limit,
                cpu_seconds=self.cpu_limit,
                processes=self.process_limit,
                disk_mb=self.disk_limit,
            ),
            "priority": self.priority,
            "retry_on_failure": self.retry_on_failure,
        }


@dataclass(frozen=True, kw_only=True)
class JobOptions(Template):
    """A job that is submitted now: also when it may begin, and beside what."""

    exclusive: options.Exclusive = False
    within: options.Within = None
    after: options.After = None
    after_any: options.AfterAny = None
    not_before: options.NotBefore = ""
    expires: options.Expires = ""

    def spec_fields(self) -> dict[str, Any]:
        """Return the keyword arguments of `words.build_spec` that these options are."""
        from idlehands.cli.moments import parse_end, parse_moment

        return {
            **super().spec_fields(),
            "exclusive": self.exclusive,
            "within": tuple(self.within or ()),
            "after": tuple(self.after or ()),
            "after_any": tuple(self.after_any or ()),
            "not_before": parse_moment("--not-before", self.not_before),
            "expires": parse_end("--expires", self.expires),
        }


@dataclass(frozen=True, kw_only=True)
class OneJob(JobOptions):
    """A single job: a sweep has a seed of its own, which is another thing."""

    job_seed: options.JobSeed = None

    def spec_fields(self) -> dict[str, Any]:
        """Return the keyword arguments of `words.build_spec` that these options are."""
        return {**super().spec_fields(), "seed": self.job_seed}
