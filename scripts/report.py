#!/usr/bin/env python3
"""Write what came of a search down: a page of Markdown from values that earlier steps brought.

Takes everything as flags, so that each can be a reference to another job's result.
Knows nothing of how it was found or where it runs.
"""

import argparse
import json
from pathlib import Path


def build_report(title: str, facts: dict[str, str], best: dict[str, object]) -> str:
    """Return the page: a table of facts, and one of the best parameters."""
    lines = [f"# {title}", "", "| | |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in facts.items()]
    lines += ["", "## Best parameters", "", "| parameter | value |", "|---|---|"]
    lines += [f"| {name} | {value} |" for name, value in sorted(best.items())]
    return "\n".join(lines) + "\n"


def main(argv: list[str] | None = None) -> None:
    """Write the report and print a JSON result."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--title", default="Report")
    parser.add_argument("--rows", type=int, help="how many the data has")
    parser.add_argument("--trials", type=int, help="how many were tried")
    parser.add_argument("--metric", default="score", help="what was searched for")
    parser.add_argument("--found", type=float, help="its best value in the search")
    parser.add_argument("--score", type=float, help="its value after training again")
    parser.add_argument("--best", default="{}", help="the best parameters, as JSON")
    parser.add_argument("--output", default="report.md", help="where to write (default: %(default)s)")
    options = parser.parse_args(argv)
    named = {
        "rows": options.rows,
        "trials": options.trials,
        f"best {options.metric} in the search": options.found,
        f"{options.metric} after training again": options.score,
    }
    facts = {name: f"{value:g}" for name, value in named.items() if value is not None}
    best = json.loads(options.best)
    text = build_report(options.title, facts, best)
    Path(options.output).write_text(text, encoding="utf-8")
    print(text)
    print(json.dumps({"path": options.output, "lines": text.count("\n"), options.metric: options.score}))


if __name__ == "__main__":
    main()
