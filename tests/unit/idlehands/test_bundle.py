import io
import os
import tarfile
from pathlib import Path

import pytest

from agents.unpack import unpack
from idlehands import bundle
from idlehands.bundle import BundleError, build_bundle


def write(folder: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(content)
    return folder / next(iter(files))


def test_a_bundle_has_the_script_and_what_it_imports_from_beside(tmp_path: Path) -> None:
    script = write(
        tmp_path,
        {
            "train.py": "import os, json, numpy\nimport nets.deep.blocks as b\nfrom losses import mse\n",
            "nets/__init__.py": "",
            "nets/deep/__init__.py": "from . import inits\nfrom ..shared import thing\n",
            "nets/deep/blocks.py": "def f():\n    import lazily\n",
            "nets/deep/inits.py": "",
            "nets/shared.py": "import importlib\nimportlib.import_module('by_name')\n",
            "nets/unused.py": "",
            "losses.py": "try:\n    from maybe import x\nexcept ImportError:\n    x = None\n",
            "maybe.py": "import train\n",
            "lazily.py": "",
            "by_name.py": "",
            "unrelated.py": "",
            "data.csv": "1,2",
        },
    )
    built = build_bundle(script)
    assert built.entry == "train.py"
    assert built.files == (
        "by_name.py",
        "lazily.py",
        "losses.py",
        "maybe.py",
        "nets/__init__.py",
        "nets/deep/__init__.py",
        "nets/deep/blocks.py",
        "nets/deep/inits.py",
        "nets/shared.py",
        "train.py",
    )


def test_folders_without_init_and_star_imports_are_followed(tmp_path: Path) -> None:
    script = write(
        tmp_path,
        {
            "s.py": "from plain import one\nfrom full import *\n",
            "plain/one.py": "",
            "full/__init__.py": "",
            "full/a.py": "",
        },
    )
    assert build_bundle(script).files == ("full/__init__.py", "full/a.py", "plain/one.py", "s.py")


def test_a_local_module_hides_the_standard_library_but_not_builtins(tmp_path: Path) -> None:
    script = write(
        tmp_path, {"s.py": "import random, sys, time", "random.py": "", "sys.py": "", "time.py": ""}
    )
    assert build_bundle(script).files == ("random.py", "s.py")


def test_the_same_files_give_the_same_bytes(tmp_path: Path) -> None:
    files = {"s.py": "import a, b", "a.py": "A", "b.py": "B"}
    first = build_bundle(write(tmp_path / "one", files))
    (tmp_path / "two").mkdir()
    second_script = write(tmp_path / "two", dict(reversed(files.items())))
    second_script = tmp_path / "two" / "s.py"
    os.utime(second_script, (1, 1))
    second_script.chmod(0o777)
    assert build_bundle(second_script) == first
    second_script.write_text("import a, b ")
    assert build_bundle(second_script).sha256 != first.sha256


def test_nothing_is_executed(tmp_path: Path) -> None:
    script = write(tmp_path, {"s.py": "import m\nopen('ran', 'w')", "m.py": "raise SystemExit"})
    build_bundle(script)
    assert not Path("ran").exists()


def test_what_is_not_python_is_packed_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "s.py").write_bytes(b"\x7fELF\0\xff")
    assert build_bundle(tmp_path / "s.py").files == ("s.py",)


def test_a_linked_script_brings_the_modules_of_its_real_folder(tmp_path: Path) -> None:
    write(tmp_path / "real", {"s.py": "import m", "m.py": ""})
    (tmp_path / "link.py").symlink_to(tmp_path / "real" / "s.py")
    built = build_bundle(tmp_path / "link.py")
    assert (built.entry, built.files) == ("s.py", ("m.py", "s.py"))


def test_included_files_come_along(tmp_path: Path) -> None:
    script = write(tmp_path, {"s.py": "", "data/a.csv": "1", "data/deep/b.csv": "2", "c.csv": "3"})
    built = build_bundle(script, [tmp_path / "data", tmp_path / "c.csv"])
    assert built.files == ("c.csv", "data/a.csv", "data/deep/b.csv", "s.py")


def test_an_agent_unpacks_what_was_packed(tmp_path: Path) -> None:
    script = write(tmp_path, {"s.py": "import p.m", "p/__init__.py": "", "p/m.py": "x = 1\n" * 1000})
    (tmp_path / "archive").write_bytes(build_bundle(script).content)
    (tmp_path / "target").mkdir()
    unpack(tmp_path / "archive", tmp_path / "target")
    assert (tmp_path / "target" / "p" / "m.py").read_text() == "x = 1\n" * 1000


def test_the_archive_says_nothing_of_its_maker(tmp_path: Path) -> None:
    built = build_bundle(write(tmp_path, {"s.py": ""}))
    with tarfile.open(fileobj=io.BytesIO(built.content)) as tar:
        (member,) = tar.getmembers()
    assert (member.uid, member.gid, member.uname, member.gname, member.mtime, member.mode) == (
        0,
        0,
        "",
        "",
        0,
        0o644,
    )


def test_a_missing_script_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(BundleError, match="there is no script"):
        build_bundle(tmp_path / "missing.py")
    with pytest.raises(BundleError, match="not a file"):
        build_bundle(tmp_path)


def test_what_lies_outside_or_is_missing_cannot_be_included(tmp_path: Path) -> None:
    script = write(tmp_path / "inner", {"s.py": ""})
    (tmp_path / "outside").write_text("x")
    with pytest.raises(BundleError, match="outside"):
        build_bundle(script, [tmp_path / "outside"])
    with pytest.raises(BundleError, match="outside"):
        build_bundle(script, [tmp_path / "inner" / ".." / "outside"])
    with pytest.raises(BundleError, match="no file"):
        build_bundle(script, [tmp_path / "inner" / "missing"])


def test_too_big_is_said_with_the_limit_and_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = write(tmp_path, {"s.py": "", "data.bin": "x" * 700_000, "more.bin": "x" * 500_000})
    monkeypatch.setattr(bundle, "BYTES_AT_MOST", 1024 * 1024)
    assert len(build_bundle(script, [tmp_path / "data.bin"]).files) == 2
    with pytest.raises(BundleError, match=r"at most 1 are allowed; its biggest file is data\.bin"):
        build_bundle(script, [tmp_path / "data.bin", tmp_path / "more.bin"])
    monkeypatch.setattr(bundle, "BYTES_AT_MOST", 600_000)
    with pytest.raises(BundleError, match=r"data\.bin is bigger"):
        build_bundle(script, [tmp_path / "data.bin"])
