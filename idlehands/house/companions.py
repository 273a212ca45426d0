"""What lies beside a certificate in its folder: the house's CA, and whom to trust at first.

Called after every issue, so that a folder is complete as it is.
"""

from pathlib import Path

from idlehands.house.files import write_private
from idlehands.house.home import Home
from idlehands.house.trusting import ensure_trust_list


def write_companions(home: Home, out_dir: Path) -> None:
    """Write into `out_dir` what everybody with a certificate needs. Safe to repeat.

    Raises:
        OSError: If it cannot be read or written.
        HouseError: If what its owner wrote there cannot be understood.
    """
    write_private(out_dir / "ca.pem", (home.pki / "ca.pem").read_bytes())
    ensure_trust_list(home, out_dir)
