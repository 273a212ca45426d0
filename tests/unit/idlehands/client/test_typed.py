"""The types of the client are a promise: a file of a user is checked with what he installs, as in editors."""

import shutil
import subprocess
import sys
import sysconfig
import venv
import zipfile
from pathlib import Path

import pytest

from deploy import client_wheel

SCRIPT = Path(__file__).parent / "typed" / "user_script.py"


@pytest.mark.slow
def test_a_users_file_keeps_its_types_with_the_installed_client(tmp_path: Path) -> None:
    wheel = client_wheel.main(tmp_path / "dist")
    venv.create(tmp_path / "venv", with_pip=False)
    (site,) = (tmp_path / "venv" / "lib").glob("python*/site-packages")
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(site)
    for name in ("paho", "msgspec", "cloudpickle"):
        (site / name).symlink_to(Path(sysconfig.get_paths()["purelib"]) / name)
    script = shutil.copy(SCRIPT, tmp_path)

    done = subprocess.run(
        [
            *(sys.executable, "-P", "-m", "mypy", "--strict", "--python-executable"),
            *(tmp_path / "venv" / "bin" / "python", "--cache-dir", tmp_path / "cache", script),
        ],
        cwd=tmp_path,
        env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, ""), done.stdout
