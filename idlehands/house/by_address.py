"""`python -m idlehands.house.by_address ADDRESS MODULE WORD...`: runs MODULE as it must be at ADDRESS.

Where others can reach the house, REST and the page are https; on loopback they
are plain HTTP, as everywhere (`Home.is_https`). `compose.yaml` cannot decide
anything, so its services begin here: `SCHEME://` in a word becomes http or
https, and words that begin with `https:` are kept, without that, for https only.
Standard library only: the agent's image has no more.
"""

import ipaddress
import os
import sys

_ONLY_HTTPS = "https:-"


def main() -> None:
    """Turn into MODULE. Does not return."""
    if len(sys.argv) < 3:
        sys.exit("by_address: give ADDRESS MODULE WORD...")
    address, module, *words = sys.argv[1:]
    argv = [sys.executable, "-P", "-m", module, *words_at(address, words)]
    os.execv(argv[0], argv)  # noqa: S606 - an argv list, no shell


def words_at(address: str, words: list[str]) -> list[str]:
    """Return the words as they are for a house that listens at `address`."""
    is_https = not _is_loopback(address)
    scheme = "https://" if is_https else "http://"
    kept = [word for word in words if is_https or not word.startswith(_ONLY_HTTPS)]
    return [
        (word[len("https:") :] if word.startswith(_ONLY_HTTPS) else word).replace("SCHEME://", scheme)
        for word in kept
    ]


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


if __name__ == "__main__":
    main()
