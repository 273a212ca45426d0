"""What can go wrong for those who ask the house for something. Every text says what to do."""


class ClientError(Exception):
    """Base of the client's errors."""


class HqUnreachable(ClientError):
    """Broker, HQ or web did not answer in time. What was asked may still happen; asking again is safe."""


class RequestRefused(ClientError):
    """HQ or web answered, and the answer is no. Nothing was changed.

    Attributes:
        code: A stable word for programs, such as `unknown_job`.
        message: What happened and what to do.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
