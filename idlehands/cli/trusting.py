"""`sign` and `trust`: whose scripts run where."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from msgspec.structs import asdict, replace

from idlehands.cli import options, trusting_results
from idlehands.cli.exits import REFUSED, USAGE, Stop, say
from idlehands.cli.printing import answer

if TYPE_CHECKING:
    from schemas.trust import TrustList
    from trust.arguments import Argument

_HEX = re.compile(r"[0-9a-f]{64}")
Folder = Annotated[
    Path | None,
    typer.Option(
        "--certificate", metavar="DIR", help="Of an agent; by default of all agents of this machine."
    ),
]
Remove = Annotated[bool, typer.Option("--remove", help="Take it off the list again.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    app.command("sign")(sign)
    trust = typer.Typer(
        help="Whose scripts the agents of this machine run.", no_args_is_help=True, rich_markup_mode=None
    )
    trust.command("list")(list_rules)
    trust.command("mode")(mode)
    trust.command("allow")(allow)
    trust.command("deny")(deny)
    author = typer.Typer(help="Authors whose scripts run.", no_args_is_help=True, rich_markup_mode=None)
    author.command("add")(add_author)
    author.command("remove")(remove_author)
    trust.add_typer(author, name="author")
    hq = typer.Typer(help="Keys that HQ may grant with.", no_args_is_help=True, rich_markup_mode=None)
    hq.command("add")(add_hq)
    hq.command("remove")(remove_hq)
    trust.add_typer(hq, name="hq")
    trusting_results.register(trust)
    app.add_typer(trust, name="trust")


def sign(
    script: Annotated[Path | None, typer.Argument(metavar="[SCRIPT]", help="A Python file.")] = None,
    author_key: options.AuthorKey = None,
    init: Annotated[
        bool, typer.Option("--init", help="Make the key if it is missing, and print its public half.")
    ] = False,
    include: options.Include = None,
    bundle: Annotated[
        Path | None, typer.Option("--bundle", metavar="FILE", help="Also write the bundle, a tar.gz.")
    ] = None,
    version: Annotated[
        str, typer.Option("--version", metavar="TEXT", help="Your own word for how new it is; signed too.")
    ] = "",
    argument: Annotated[
        list[str] | None,
        typer.Option(
            "--argument",
            metavar="NAME[:TYPE]",
            help="Sign it for this argument; agents refuse all others. text, number, integer, boolean, or "
            "words to choose from: --argument mode:fast,slow.",
        ),
    ] = None,
    no_arguments: Annotated[
        bool, typer.Option("--no-arguments", help="Sign it for no arguments at all.")
    ] = False,
) -> None:
    """Print SCRIPT's reference, signed by its author, as a job spec takes it. Nothing is submitted.

    Example: idlehands sign train.py --author-key olga.key
    """
    from idlehands.bundle import build_bundle
    from idlehands.cli.printing import print_json
    from idlehands.client.authoring import make_author_key, sign_reference
    from schemas.specs import ScriptRef

    if author_key is None:
        raise Stop(USAGE, "Give --author-key FILE, or set IDLEHANDS_AUTHOR_KEY")
    if init == (script is not None):
        raise Stop(USAGE, "Give a SCRIPT to sign, or --init to make a key, and not both")
    if script is None:
        public = make_author_key(author_key)
        sys.stdout.write(f"{public}\n")
        say(f"Your scripts run where `idlehands trust author add {author_key.stem} {public}` was said.")
        return
    built = build_bundle(script, include or [])
    reference = ScriptRef(built.sha256, built.entry, name=script.stem[:200])
    named = None if not argument and not no_arguments else tuple(map(_parse_argument, argument or ()))
    signed = sign_reference(reference, author_key, version=version, arguments=named)
    if bundle is not None:
        try:
            bundle.write_bytes(built.content)
        except OSError as error:
            raise Stop(REFUSED, f"Cannot write {bundle}: {error.strerror}") from None
    print_json(signed)


def _parse_argument(text: str) -> "Argument":
    from trust.arguments import TYPES, Argument

    name, _, kind = text.partition(":")
    if not name:
        raise Stop(USAGE, f"--argument {text!r} is not NAME, NAME:TYPE or NAME:WORD,WORD")
    if not kind or kind in TYPES:
        return Argument(name, kind or "any")  # type: ignore[arg-type]
    choices = tuple(kind.split(","))
    if len(choices) < 2 or not all(choices):
        raise Stop(
            USAGE, f"--argument {text!r}: {kind!r} is none of {', '.join(TYPES)} nor words to choose from"
        )
    return Argument(name, "text", choices)


def list_rules(certificate: Folder = None, json: options.Json = False) -> None:
    """Show whose scripts run on the agents of this machine.

    Example: idlehands trust list
    """
    from idlehands.cli.printing import print_json, print_table
    from idlehands.house.trusting import read_trust_list

    found = [(folder, read_trust_list(folder)) for folder in _folders(certificate)]
    if json:
        print_json([{"certificate": str(folder), **asdict(rules)} for folder, rules in found])
        return
    rows: list[tuple[str, str, str, str]] = []
    for folder, rules in found:
        rows.append((str(folder), "scripts", rules.scripts, ""))
        rows += [(str(folder), "hq", "", key) for key in rules.hq]
        rows += [(str(folder), "author", author.name, author.key) for author in rules.authors]
        rows += [(str(folder), "denied", "", what) for what in rules.denied]
        rows += [(str(folder), "allowed", "", what) for what in rules.allowed]
    print_table(("certificate", "what", "name", "key or bundle"), rows, "No agent.")


def mode(
    scripts: Annotated[
        str, typer.Argument(metavar="signed|listed", help="All signed scripts, or listed ones.")
    ],
    certificate: Folder = None,
    json: options.Json = False,
) -> None:
    """Run every script of a trusted author (signed), or of those only what `trust allow` lists (listed).

    Example: idlehands trust mode listed
    """
    if scripts not in ("signed", "listed"):
        raise Stop(USAGE, f"{scripts!r} is neither signed nor listed")
    _change(certificate, json, lambda rules: replace(rules, scripts=scripts))


def allow(
    script: Annotated[str, typer.Argument(metavar="SCRIPT", help="A Python file, or a bundle's SHA-256.")],
    include: options.Include = None,
    remove: Remove = False,
    certificate: Folder = None,
    json: options.Json = False,
) -> None:
    """List a script by the contents of its bundle, for the mode `listed`.

    Example: idlehands trust allow train.py
    """
    bundle = _bundle_of(script, include or [])
    _change(
        certificate, json, lambda rules: replace(rules, allowed=_with(rules.allowed, bundle, remove=remove))
    )


def deny(
    what: Annotated[
        str,
        typer.Argument(metavar="WHAT", help="A Python file, a bundle's SHA-256, an author's name or key."),
    ],
    include: options.Include = None,
    remove: Remove = False,
    certificate: Folder = None,
    json: options.Json = False,
) -> None:
    """Never run a script, or anything of an author, whoever submits it.

    Example: idlehands trust deny olga
    """

    def change(rules: "TrustList") -> "TrustList":
        known = {author.name: author.key for author in rules.authors}
        denied = known.get(what) or _bundle_of(what, include or [])
        return replace(rules, denied=_with(rules.denied, denied, remove=remove))

    _change(certificate, json, change)


def add_author(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What you call them.")],
    key: Annotated[
        str, typer.Argument(metavar="KEY", help="Public key, as `idlehands sign --init` prints it.")
    ],
    certificate: Folder = None,
    json: options.Json = False,
) -> None:
    """Run the scripts of an author.

    Example: idlehands trust author add olga KEY
    """
    from schemas.trust import TrustedAuthor

    _check_key(key)

    def change(rules: "TrustList") -> "TrustList":
        others = tuple(author for author in rules.authors if author.key != key)
        if any(author.name == name for author in others):
            raise Stop(REFUSED, f"There is an author {name!r} with another key. Choose another name")
        return replace(rules, authors=(*others, TrustedAuthor(name, key)))

    _change(certificate, json, change)


def remove_author(
    name: Annotated[str, typer.Argument(metavar="NAME", help="As in `idlehands trust list`.")],
    certificate: Folder = None,
    json: options.Json = False,
) -> None:
    """Run the scripts of an author no more. `house` signs what operators submit unsigned.

    Example: idlehands trust author remove house
    """

    def change(rules: "TrustList") -> "TrustList":
        if all(author.name != name for author in rules.authors):
            raise Stop(REFUSED, f"There is no author {name!r}; `idlehands trust list` shows them")
        return replace(rules, authors=tuple(author for author in rules.authors if author.name != name))

    _change(certificate, json, change)


def add_hq(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Public key of HQ, from its own host.")],
    certificate: Folder = None,
    json: options.Json = False,
) -> None:
    """Take grants that are signed with this key too, such as HQ's next one.

    Example: idlehands trust hq add KEY
    """
    _check_key(key)
    _change(certificate, json, lambda rules: replace(rules, hq=_with(rules.hq, key, remove=False)))


def remove_hq(
    key: Annotated[str, typer.Argument(metavar="KEY", help="As in `idlehands trust list`.")],
    certificate: Folder = None,
    json: options.Json = False,
) -> None:
    """Take no grants with this key any more.

    Example: idlehands trust hq remove KEY
    """
    _change(certificate, json, lambda rules: replace(rules, hq=_with(rules.hq, key, remove=True)))


def _change(certificate: Path | None, json: bool, change: Callable[["TrustList"], "TrustList"]) -> None:
    from idlehands.house.trusting import read_trust_list, write_trust_list

    # All are changed in memory first: of several agents, all follow or none.
    before = {folder: read_trust_list(folder) for folder in _folders(certificate)}
    changed = {folder: change(rules) for folder, rules in before.items()}
    for folder, rules in changed.items():
        try:
            write_trust_list(folder, rules)
        except OSError as error:
            raise Stop(REFUSED, f"Cannot write into {folder}: {error.strerror}") from None
        _note(folder, before[folder], rules)
    document = [{"certificate": str(folder), **asdict(rules)} for folder, rules in changed.items()]
    files = [folder / "trust.json" for folder in changed]
    answer(json, document, *(f"{file} is changed; its agent follows within seconds." for file in files))


def _note(folder: Path, before: "TrustList", after: "TrustList") -> None:
    """Note it for the audit log, if it is an agent of the house here."""
    from idlehands.house.audit import note
    from idlehands.house.home import HouseError, read_home

    try:
        home = read_home()
    except HouseError:
        return
    if folder.absolute().parent == home.path / "agents":
        fields = [name for name in after.__struct_fields__ if getattr(before, name) != getattr(after, name)]
        authors = ", ".join(author.name for author in after.authors)
        detail = f"{', '.join(fields) or 'nothing'} changed; scripts: {after.scripts}, authors: {authors}"
        note(home, "trust.changed", subject=folder.name, detail=detail)


def _folders(certificate: Path | None) -> list[Path]:
    from idlehands.house.home import read_home
    from idlehands.pairing.joined import has_joined, joined_folder
    from schemas.trust import FILE_NAME

    if certificate is not None:
        return [certificate]
    if has_joined():
        return [joined_folder()]
    found = sorted(file.parent for file in (read_home().path / "agents").glob(f"*/{FILE_NAME}"))
    if not found:
        raise Stop(REFUSED, "There is no agent on this machine. Name one with --certificate DIR")
    return found


def _bundle_of(what: str, include: list[Path]) -> str:
    if _HEX.fullmatch(what):
        return what
    if not Path(what).is_file():
        raise Stop(USAGE, f"{what!r} is neither a file nor 64 hexadecimal digits")
    from idlehands.bundle import build_bundle

    return build_bundle(Path(what), include).sha256


def _check_key(key: str) -> None:
    if not _HEX.fullmatch(key):
        raise Stop(USAGE, f"{key[:80]!r} is no public key: it has 64 hexadecimal digits")


def _with(listed: tuple[str, ...], what: str, *, remove: bool) -> tuple[Any, ...]:
    others = tuple(one for one in listed if one != what)
    if remove and others == listed:
        raise Stop(REFUSED, f"{what} is not listed; `idlehands trust list` shows what is")
    return others if remove else (*others, what)
