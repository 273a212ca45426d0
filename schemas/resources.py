"""Names of what agents measure of an attempt: series beside the script's, never a result or an objective."""

#: Percent of one core: 200 is two of them.
CPU = "system/cpu"
MEMORY = "system/memory_mb"
#: Percent of all the graphics cards that it uses.
GPU = "system/gpu"
GPU_MEMORY = "system/gpu_memory_mb"

#: Seconds in which nothing was printed and no CPU used; only from `QUIET_FROM` on.
QUIET = "system/quiet_seconds"
QUIET_FROM = 300.0

#: In the order in which they are shown. A script's own series never has one of these names.
RESOURCES = (CPU, MEMORY, GPU, GPU_MEMORY, QUIET)


def describe_quiet(seconds: float, job: str) -> str:
    """Return what people are told of a job that may hang."""
    return (
        f"Nothing was printed and no CPU used for {seconds / 60:.0f} min: it may hang. "
        f"`idlehands stacks {job}` shows where it is"
    )
