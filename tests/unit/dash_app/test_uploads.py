"""A script from the browser is taken when it is one, and nothing of it gets anywhere else."""

import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from agents.unpack import unpack
from dash_app import uploads
from dash_app.script_folders import ScriptFolders
from dash_app.uploads import UploadRefused, entries_of, read_bundle, read_upload
from idlehands.bundle import pack_files
from idlehands.house import allowed_scripts

SCRIPT = b"print(1)\n"


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members:
            made.writestr(name, content)
    return out.getvalue()


def linked(name: str) -> zipfile.ZipInfo:
    member = zipfile.ZipInfo(name)
    member.create_system = 3
    member.external_attr = (stat.S_IFLNK | 0o777) << 16
    return member


def test_a_python_file_is_a_script() -> None:
    assert read_upload("train me.PY", SCRIPT) == {"train me.py": SCRIPT}


def test_a_zip_brings_modules_and_files_and_leaves_out_what_tools_left() -> None:
    content = zipped(
        ("train.py", SCRIPT), ("lib/nets.py", b"x=1"), ("data/a.csv", b"a"), ("__MACOSX/._train.py", b"?")
    )

    assert sorted(read_upload("work.zip", content)) == ["data/a.csv", "lib/nets.py", "train.py"]


def test_the_one_folder_of_a_repository_is_left_out() -> None:
    files = read_upload("r.zip", zipped(("repo-main/score.py", SCRIPT), ("repo-main/main.py", SCRIPT)))

    assert entries_of(files) == ["main.py", "score.py"]


@pytest.mark.parametrize(
    "name", ["../evil.py", "/etc/evil.py", "a/../../evil.py", "C:\\evil.py", "a\\..\\evil.py", "evil\n.py"]
)
def test_no_path_leads_out(name: str) -> None:
    with pytest.raises(UploadRefused, match="outside"):
        read_upload("work.zip", zipped((name, SCRIPT), ("train.py", SCRIPT)))


@pytest.mark.parametrize(
    ("name", "content", "why"),
    [
        ("notes.txt", b"x", "Send a Python file"),
        ("../train.py", SCRIPT, "Send a Python file"),
        ("train.py", b"", "empty"),
        ("work.zip", b"PK\x03\x04 and no more", "no zip"),
        ("work.zip", zipped(("README.md", b"x")), "no Python file"),
        ("work.zip", zipped(("train.py", SCRIPT), (linked("passwd.py"), b"/etc/passwd")), "link"),
        ("work.zip", zipped(("a.py", SCRIPT), ("a.py/b.py", SCRIPT)), "twice"),
        ("work.zip", zipped(("x" * 250 + ".py", SCRIPT)), "longer than"),
    ],
)
def test_what_is_refused_says_why(name: str, content: bytes, why: str) -> None:
    with pytest.raises(UploadRefused, match=why):
        read_upload(name, content)


def test_a_bomb_goes_off_nowhere(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(uploads, "BYTES_AT_MOST", 1_000_000)
    bomb = zipped(("train.py", SCRIPT), ("zeros", b"\0" * 1_200_000))
    assert len(bomb) < 10_000

    with pytest.raises(UploadRefused, match="Unpacked"):
        read_upload("work.zip", bomb)
    with pytest.raises(UploadRefused, match="Unpacked"):
        read_bundle(pack_files({"zeros": b"\0" * 1_200_000}))


def test_a_zip_that_lies_about_its_sizes_is_no_zip() -> None:
    content = bytearray(zipped(("train.py", SCRIPT * 50)))
    at = content.rindex(b"PK\x01\x02") + 24
    content[at : at + 4] = (5).to_bytes(4, "little")

    with pytest.raises(UploadRefused):
        read_upload("work.zip", bytes(content))


def test_what_was_taken_is_a_bundle_that_agents_take(tmp_path: Path) -> None:
    files = read_upload("work.zip", zipped(("train.py", SCRIPT), ("lib/nets.py", b"x=1")))
    bundle = pack_files(files)
    (tmp_path / "bundle").write_bytes(bundle)
    (tmp_path / "out").mkdir()

    unpack(tmp_path / "bundle", tmp_path / "out")

    assert (tmp_path / "out/lib/nets.py").read_bytes() == b"x=1"
    assert read_bundle(bundle) == files


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE])
def test_a_strangers_bundle_has_files_only(kind: bytes) -> None:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        member = tarfile.TarInfo("train.py")
        member.type, member.linkname = kind, "/etc/passwd"
        tar.addfile(member)

    with pytest.raises(UploadRefused):
        read_bundle(out.getvalue())
    with pytest.raises(UploadRefused):
        read_bundle(b"no gzip")


def test_scripts_of_allowed_folders_are_found_and_links_out_of_them_are_not(tmp_path: Path) -> None:
    work, other, file = tmp_path / "work", tmp_path / "other", tmp_path / allowed_scripts.FILE_NAME
    (work / "nets").mkdir(parents=True)
    (work / ".venv").mkdir()
    other.mkdir()
    for place in (work / "train.py", work / "nets/wide.py", work / ".venv/x.py", other / "secret.py"):
        place.write_bytes(SCRIPT)
    (work / "linked.py").symlink_to(other / "secret.py")
    folders = ScriptFolders([tmp_path / "scripts"], file)
    assert folders.all() == []

    allowed_scripts.allow(file, work)

    assert [one.name for one in folders.all()] == ["work/nets/wide.py", "work/train.py"]
    found = folders.find("work/train.py")
    assert found is not None
    assert found.is_allowed
    assert folders.find("work/linked.py") is None
    assert folders.find("work/../other/secret.py") is None
    folders.check([work / "train.py"])
    with pytest.raises(allowed_scripts.NotAllowed):
        folders.check([work / "linked.py"])
