"""Which modules may be imported ahead of a script, and what would make that another import than its own.

A list of what was tried, not of all that might work: an unknown module is
imported by the script itself, after the fork, as ever.
"""

#: Worth a warm interpreter of their own.
HEAVY = frozenset({
    "numpy", "scipy", "pandas", "sklearn", "torch", "torchvision", "matplotlib", "seaborn", "statsmodels",
    "joblib", "sympy", "networkx", "PIL", "pyarrow",
})  # fmt: skip
#: Of the standard library, but for one: quick to have, without effects at import, shared by all warm
#: interpreters.
LIGHT = frozenset(
    """
    abc argparse array ast base64 bisect bz2 calendar cloudpickle cmath codecs collections collections.abc
    concurrent.futures contextlib copy csv ctypes dataclasses datetime decimal difflib email enum
    errno fractions functools gc getopt glob gzip hashlib heapq hmac html inspect io itertools json
    keyword linecache locale logging lzma math multiprocessing numbers operator os pathlib pickle
    platform pprint queue random re resource secrets select shlex shutil signal socket sqlite3 stat
    statistics string struct subprocess tempfile textwrap threading time timeit traceback types
    typing unittest urllib.parse urllib.request uuid warnings weakref zipfile zlib
    """.split()  # noqa: SIM905 - a list of words is easier to read and to change
)
#: What a library imports by itself as soon as a part of it is used, and how that part is called. The first
#: optimizer of a process brings `torch._dynamo`: 800 modules, and a second. Random numbers: 27, 20 ms.
USED_LATER = {"torch": {"optim": "torch._dynamo"}, "numpy": {"random": "numpy.random"}}
#: A script that sets one of these itself must import by itself what may read it then.
_ACTING = (
    *(
        "OMP_",
        "MKL_",
        "OPENBLAS_",
        "GOTO_",
        "BLIS_",
        "NUMEXPR_",
        "VECLIB_",
        "KMP_",
        "GOMP_",
        "NPY_",
        "NUMPY_",
    ),
    *(
        "NUMPY_",
        "SCIPY_",
        "SKLEARN_",
        "JOBLIB_",
        "LOKY_",
        "TORCH",
        "PYTORCH_",
        "CUDA_",
        "NCCL_",
        "MPL",
        "PANDAS_",
        "ARROW_",
    ),
    *(
        "LD_",
        "PYTHON",
        "MALLOC_",
        "HOME",
        "XDG_",
        "TMP",
        "TEMP",
        "LANG",
        "LC_",
        "TZ",
        "DISPLAY",
        "QT_",
        "PATH",
    ),
)
_INERT = frozenset({"PYTHONHASHSEED", "CUDA_VISIBLE_DEVICES", "CUBLAS_WORKSPACE_CONFIG"})
#: Files in a script's folder that a library reads at import.
READ_AT_IMPORT = {"matplotlib": ("matplotlibrc",), "seaborn": ("matplotlibrc",)}


def acts_at_import(variable: str) -> bool:
    """Tell whether a library may read this variable of the environment while it is imported."""
    return variable not in _INERT and variable.upper().startswith(_ACTING)
