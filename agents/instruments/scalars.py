"""What instruments measured: a number with its name and step, or a picture."""

from typing import NamedTuple


class Scalar(NamedTuple):
    """One number, as the script named it."""

    name: str
    #: Not finite ones are told apart later.
    value: float
    step: float | None
    #: Unix seconds as the library wrote them; None where it does not.
    at: float | None


class Picture(NamedTuple):
    """An encoded picture: PNG, JPEG or GIF."""

    name: str
    content: bytes


#: How the encoded pictures that are taken begin, and what their files are called.
PICTURES = {
    b"\x89PNG\r\n\x1a\n": "png",
    b"\xff\xd8\xff": "jpg",
    b"GIF8": "gif",
}


def tell_picture(content: bytes) -> str | None:
    """Return the suffix of a picture by its first bytes; None for anything else."""
    return next((suffix for start, suffix in PICTURES.items() if content.startswith(start)), None)
