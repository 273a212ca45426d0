"""The file of a backup: whole or absent, and nothing in it is believed unhashed."""

import contextlib
import hashlib
import os
import zipfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from idlehands.house import archive
from idlehands.house.archive import Archive, ArchiveWriter, BackupUnusable, Manifest, Member

MEMBERS = {
    "house/house.json": b"{}",
    "database/events/00001": os.urandom(5000),
    "blobs/" + hashlib.sha256(b"content").hexdigest(): b"content",
}


def manifest_of(members: dict[str, Member]) -> Manifest:
    return Manifest(
        format=archive.FORMAT,
        version=archive.FORMAT_VERSION,
        product="0.1.0",
        log_version=1,
        protocol="idlehands/v1",
        created=1.0,
        position=7,
        epoch=3,
        counts={"events": 1},
        members=members,
    )


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "house.backup"
    with ArchiveWriter(path) as writer:
        for name, content in MEMBERS.items():
            writer.add(name, [content[:1], content[1:]])
        writer.finish(manifest_of(writer.members))
    return path


def read_all(path: Path) -> None:
    with Archive(path) as opened:
        opened.verify()


def with_manifest(path: Path, change: dict[str, object]) -> Path:
    """Return a copy of a backup whose manifest says something else."""
    changed = path.with_name("changed.backup")
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            content = old.read(name)
            if name == archive.MANIFEST:
                content = msgspec.json.encode(msgspec.json.decode(content) | change)
            new.writestr(name, content)
    return changed


def test_what_was_written_is_read_again_and_only_the_owner_may(file: Path) -> None:
    with Archive(file) as opened:
        opened.verify()
        found = {name: opened.read_whole(name) for name in opened.manifest.members}

    assert found == MEMBERS
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in file.parent.iterdir()] == [file.name]


def test_an_error_while_writing_leaves_no_file(tmp_path: Path) -> None:
    def fail() -> Iterator[bytes]:
        yield b"{}"
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError), ArchiveWriter(tmp_path / "house.backup") as writer:
        writer.add("house/house.json", fail())

    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_backup_left_is_replaced_not_followed(tmp_path: Path) -> None:
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / "house.backup.part").symlink_to(victim)

    with ArchiveWriter(tmp_path / "house.backup") as writer:
        writer.finish(manifest_of({}))

    assert victim.read_text() == "precious"
    assert not (tmp_path / "house.backup").is_symlink()


def test_content_with_another_hash_is_not_vouched_for(tmp_path: Path) -> None:
    name = "blobs/" + "0" * 64
    with ArchiveWriter(tmp_path / "house.backup") as writer:
        assert not writer.add(name, [b"damaged"], expected="0" * 64)
        writer.finish(manifest_of(writer.members))

    with Archive(tmp_path / "house.backup") as opened:
        assert opened.manifest.members == {}


def test_every_flipped_byte_is_found(file: Path) -> None:
    whole = file.read_bytes()
    opened_all_the_same = []
    # Every byte of members, manifest and directory, in steps that no structure of a zip has.
    for at in range(0, len(whole), 13):
        broken = bytearray(whole)
        broken[at] ^= 0x55
        file.write_bytes(broken)
        with contextlib.suppress(BackupUnusable), Archive(file) as opened:
            opened.verify()
            # Some bytes of a zip say nothing, such as dates; then the content must be right.
            found = {name: opened.read_whole(name) for name in opened.manifest.members}
            opened_all_the_same.append(found == MEMBERS)

    assert all(opened_all_the_same)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_file_that_was_cut_short_is_refused(file: Path, share: float) -> None:
    whole = file.read_bytes()
    file.write_bytes(whole[: int(len(whole) * share)])

    with pytest.raises(BackupUnusable, match="cut short or damaged"):
        read_all(file)


def test_a_foreign_file_is_refused(tmp_path: Path) -> None:
    text, foreign, other = tmp_path / "notes.txt", tmp_path / "foreign.zip", tmp_path / "other.zip"
    text.write_text("no zip at all")
    for path, name in ((foreign, "readme"), (other, archive.MANIFEST)):
        with zipfile.ZipFile(path, "w") as made:
            made.writestr(name, '{"format": "something-else", "version": 1}')

    for path, why in ((text, "no backup"), (foreign, "has no manifest"), (other, "of something else")):
        with pytest.raises(BackupUnusable, match=why):
            read_all(path)
    with pytest.raises(BackupUnusable, match="No such file"):
        read_all(tmp_path / "absent")


def test_a_newer_format_is_refused_before_anything_else_of_it_is_understood(file: Path) -> None:
    newer = with_manifest(file, {"version": 2, "product": "9.1.0", "members": "in another form"})

    with pytest.raises(BackupUnusable, match=r"newer idlehands \(9.1.0, format 2"):
        read_all(newer)


@pytest.mark.parametrize(
    "name",
    [
        "house/../../etc/passwd.json",
        "/etc/passwd",
        "house/clients/../../x/token",
        "house/pki/evil",
        "house\\x.json",
        "blobs/" + "A" * 64,
        "database/events/1/../../x",
        "house/a.json\n",
    ],
)
def test_a_name_that_leads_elsewhere_is_refused(file: Path, name: str) -> None:
    evil = with_manifest(file, {"members": {name: {"size": 1, "sha256": "0" * 64}}})

    with pytest.raises(BackupUnusable, match="makes no sense"):
        read_all(evil)


def test_a_member_that_is_larger_than_promised_is_not_unpacked_to_its_end(file: Path) -> None:
    bomb = with_manifest(file, {"members": {"house/house.json": {"size": 1, "sha256": "0" * 64}}})

    pieces = []
    with Archive(bomb) as opened, pytest.raises(BackupUnusable, match="another SHA-256"):
        pieces.extend(opened.read("house/house.json"))
    assert sum(map(len, pieces)) <= 2


def test_a_member_that_is_missing_is_told(file: Path) -> None:
    lacking = with_manifest(file, {"members": {"house/web.json": {"size": 1, "sha256": "0" * 64}}})

    with pytest.raises(BackupUnusable, match=r"house/web.json"):
        read_all(lacking)
