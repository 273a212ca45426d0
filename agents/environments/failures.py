"""How an environment cannot be had."""


class EnvironmentFailure(Exception):
    """The job's fault or the index's. `kind` is a stable word, the message says what to do.

    environment_failed, environment_too_big or disk_full.
    """

    def __init__(self, kind: str, message: str, said: str = "") -> None:
        super().__init__(message)
        self.kind = kind
        #: The end of what uv said.
        self.said = said


class EnvironmentMissing(Exception):
    """This machine does not have it: another may. The message says what is missing."""


class BuildStopped(Exception):
    """Somebody asked for the end of the attempt that built."""
