"""What is imported ahead of a script, and what is not."""

from pathlib import Path

import pytest

from agents.warm.imports import Imports, find_imports, names_beside


def _heavy(source: str, folder: Path) -> set[str]:
    return set(find_imports(source.encode(), folder).heavy)


def test_imports_are_found_wherever_they_stand(tmp_path: Path) -> None:
    source = (
        "import numpy as np, json\nfrom sklearn.linear_model import Ridge\ntry:\n    import torch\n"
        "except ImportError:\n    torch = None\ndef main():\n    import pandas.api.types\n"
    )
    found = find_imports(source.encode(), tmp_path)
    assert found.heavy == {"numpy", "sklearn", "torch", "pandas"}
    assert {"json", "sklearn.linear_model", "pandas.api.types", "numpy"} <= set(found.names)


def test_imports_of_the_modules_beside_count_too(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text("import torch\nimport helpers\n")
    (tmp_path / "helpers").mkdir()
    (tmp_path / "helpers" / "__init__.py").write_text("from .deep import x\n")
    (tmp_path / "helpers" / "deep.py").write_text("import scipy.stats\n")
    assert _heavy("from model import Net", tmp_path) == {"torch", "scipy"}


def test_a_module_beside_the_script_is_never_imported_ahead(tmp_path: Path) -> None:
    (tmp_path / "pandas.py").write_text("x = 1\n")
    assert find_imports(b"import pandas\nimport json", tmp_path) == Imports(("json",), frozenset())
    assert names_beside(tmp_path) == {"pandas"}


def test_a_folder_of_data_is_no_module(tmp_path: Path) -> None:
    (tmp_path / "torch").mkdir()
    assert names_beside(tmp_path) == frozenset()
    assert _heavy("import torch", tmp_path) == {"torch"}


def test_unknown_libraries_are_left_to_the_script(tmp_path: Path) -> None:
    assert find_imports(b"import wandb, idlelib, antigravity, .x", tmp_path) == Imports()
    assert find_imports(b"import wandb, antigravity", tmp_path).names == ()


@pytest.mark.parametrize(
    "line",
    [
        "os.environ['OMP_NUM_THREADS'] = '4'",
        "os.environ.setdefault('MKL_NUM_THREADS', '1')",
        "os.environ.update(MPLBACKEND='agg')",
        "os.environ.update({'TORCH_HOME': 'x'})",
        "os.environ.update(settings)",
        "os.environ[name] = 'x'",
        "del os.environ['HOME']",
        "environ['OPENBLAS_NUM_THREADS'] = '1'",
        "os.putenv('OMP_NUM_THREADS', '1')",
        "os.environ |= {'A': 'b'}",
        "os.environ.clear()",
        "load_dotenv()",
        "sys.meta_path.insert(0, finder)",
        "sys.modules['torch'] = fake",
    ],
)
def test_nothing_heavy_is_imported_ahead_of_a_script_that_changes_what_imports_read(
    tmp_path: Path, line: str
) -> None:
    found = find_imports(f"import os, sys\n{line}\nimport torch".encode(), tmp_path)
    assert found == Imports(("os",), frozenset())


@pytest.mark.parametrize(
    "line",
    [
        "os.environ['PYTHONHASHSEED'] = '0'",
        "os.environ['CUDA_VISIBLE_DEVICES'] = '1'",
        "os.environ['MY_SETTING'] = '1'",
        "x = os.environ['OMP_NUM_THREADS']",
        "x = os.environ.get('HOME')",
    ],
)
def test_other_uses_of_the_environment_change_nothing(tmp_path: Path, line: str) -> None:
    assert _heavy(f"import os\n{line}\nimport torch", tmp_path) == {"torch"}


def test_what_cannot_be_parsed_imports_nothing(tmp_path: Path) -> None:
    assert find_imports(b"import torch\nx = = 1", tmp_path) == Imports()
    assert find_imports(b"\x00", tmp_path) == Imports()


@pytest.mark.parametrize(
    ("source", "brings"),
    [
        ("import torch\no = torch.optim.Adam([])", True),
        ("import torch as t\no = t.optim.Adam([])", True),
        ("from torch import optim", True),
        ("from torch.optim import Adam", True),
        ("import torch\ntorch.ones(3)", False),
        ("import numpy\nx.optim", False),
        ("import os, torch\nos.environ['OMP_NUM_THREADS'] = '1'\ntorch.optim.Adam([])", False),
    ],
)
def test_an_optimizer_brings_what_torch_imports_for_it(tmp_path: Path, source: str, brings: bool) -> None:
    assert ("torch._dynamo" in find_imports(source.encode(), tmp_path).names) is brings


def test_random_numbers_bring_the_part_of_numpy_that_makes_them(tmp_path: Path) -> None:
    assert "numpy.random" in find_imports(b"import numpy as np\nnp.random.default_rng(1)", tmp_path).names
    assert "numpy.random" not in find_imports(b"import numpy as np\nnp.ones(1)", tmp_path).names
