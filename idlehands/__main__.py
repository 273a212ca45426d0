"""`idlehands ...` and `python -m idlehands ...`."""

import os
import sys
from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> None:
    """Run one command and exit with its code."""
    sys.exit(run(sys.argv[1:] if argv is None else argv))


def run(argv: Sequence[str]) -> int:
    """Run one command and return its exit code."""
    try:
        from idlehands.cli.app import app
    except ModuleNotFoundError as error:
        if error.name is None or error.name.split(".")[0] in ("idlehands", "bus", "schemas"):
            raise
        print(
            f"Error: The command line needs {error.name}, which is not installed. "
            "Install it with `pip install 'idlehands[client]'`.",
            file=sys.stderr,
        )
        return 1
    from idlehands.cli import exits

    with exits.quiet_output():
        try:
            code = app(args=list(argv), prog_name="idlehands", standalone_mode=True)
            return code if isinstance(code, int) else 0
        except SystemExit as ended:
            return ended.code if isinstance(ended.code, int) else 0 if ended.code is None else 1
        except (Exception, KeyboardInterrupt) as error:
            code = exits.code_of(error)
            if code is None:
                if os.environ.get("IDLEHANDS_TRACEBACK"):
                    raise
                exits.say(
                    f"Error: This is a bug in idlehands: {type(error).__name__}: {error}. "
                    "Set IDLEHANDS_TRACEBACK=1 to see where."
                )
                return exits.REFUSED
            exits.tell(error)
            return code


if __name__ == "__main__":
    main()
