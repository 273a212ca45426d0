"""The tree of commands. Each module adds its own."""

import typer

from idlehands.cli import changing, demo_command, house, looking, sweeping, working

app = typer.Typer(
    name="idlehands",
    help="Put every idle computer of a house to work on machine-learning jobs.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
for module in (demo_command, working, sweeping, looking, changing, house):
    module.register(app)
