"""What a script takes, read from its source: argparse, click, typer and tyro in one vocabulary.

Nothing of a script is ever run. Every reader works on the syntax tree; what it
cannot know, it says it does not know.
"""
