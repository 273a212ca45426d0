"""`docs/commands.md` says what the command line says of itself."""

import subprocess
import sys
from pathlib import Path

PAGE = Path(__file__).resolve().parents[3] / "docs" / "commands.md"
MAKE = [sys.executable, "-m", "typer", "idlehands.cli.app", "utils", "docs", "--name", "idlehands"]
MAKE += ["--title", "Every command"]


def test_the_page_of_commands_is_what_the_command_line_says() -> None:
    made = subprocess.run(MAKE, capture_output=True, text=True, check=True, timeout=60).stdout

    assert PAGE.read_text().strip() == made.strip(), (
        "docs/commands.md is stale: python -m typer idlehands.cli.app utils docs "
        "--name idlehands --title 'Every command' --output docs/commands.md"
    )
