"""Runs the shell blocks of a page as they stand, all in one shell."""

import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]


def read_blocks(page: Path, section: str = "") -> list[str]:
    """Return the `sh` blocks of a page, in order, from the heading `section` on."""
    text = page.read_text()
    if section:
        text = text.split(f"\n{section}\n", 1)[1]
    return re.findall(r"^```sh\n(.*?)^```", text, re.S | re.M)


def run_blocks(blocks: list[str], folder: Path, home: Path, seconds: float = 120) -> str:
    """Run blocks in one shell, with the house in `home` as the one that is meant, and return what they print.

    `./run WORD` is the command line in the environment that runs the tests.

    Raises:
        AssertionError: If a command fails; with all that was printed.
    """
    command = f"{sys.executable} -P -m idlehands"
    script = "\n".join(blocks).replace("./run ", f"{command} ")
    done = subprocess.run(
        ["bash", "-e", "-c", script],
        cwd=folder,
        env=os.environ | {"IDLEHANDS_HOME": str(home)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=seconds,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout
