"""How a request is turned down."""


class Refused(Exception):
    """A request that is not carried out; nothing changes.

    Attributes:
        code: A stable word for programs.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
