"""Scripts that must not notice whether they were started or forked; each prints what it sees."""

from typing import NamedTuple


class Script(NamedTuple):
    """One script with its arguments, what is on its stdin, and the files beside it."""

    source: str
    argv: tuple[str, ...] = ()
    stdin: bytes | None = None
    beside: tuple[tuple[str, str], ...] = ()


PLAIN = {
    "one JSON line": Script(
        "import json\nprint(json.dumps({'loss': 0.5}))",
    ),
    "nothing at all": Script(
        "",
    ),
    "no newline at the end": Script(
        "print('x', end='')",
    ),
    "arguments": Script(
        "import sys\nprint(sys.argv)",
        argv=("--rate", "0.1", "", "ä ö"),
    ),
    "argparse": Script(
        "import argparse\n"
        "p = argparse.ArgumentParser()\n"
        "p.add_argument('--n', type=int)\n"
        "print(p.parse_args())",
        argv=("--n", "3"),
    ),
    "a usage error": Script(
        "import argparse\np = argparse.ArgumentParser()\np.add_argument('--n', type=int)\np.parse_args()",
        argv=("--n", "three"),
    ),
    "the names of the main module": Script(
        "print(sorted(globals()))\nprint(list(globals()))",
    ),
    "what the main module is": Script(
        "import sys\n"
        "m = sys.modules['__main__']\n"
        "print(m.__dict__ is globals(), __name__, __file__, __spec__, __package__, __doc__, "
        "__builtins__, type(__loader__), __loader__.name, __loader__.path, __cached__, "
        "__annotations__, m)",
    ),
    "a docstring and annotations": Script(
        "'''What it does.'''\nx: int = 3\nprint(__doc__, __annotations__)",
    ),
    "where modules are looked for": Script(
        "import sys, os\nprint(sys.path, os.getcwd(), sys.orig_argv[1:])",
    ),
    "the environment": Script(
        "import os\nprint(dict(os.environ))\nprint(os.popen('env | sort | grep -v ^_=').read())",
    ),
    "the environment in C": Script(
        "import ctypes, os\n"
        "c = ctypes.CDLL(None)\n"
        "c.getenv.restype = ctypes.c_char_p\n"
        "print(c.getenv(b'IDLEHANDS_JOB'), c.getenv(b'PATH'), c.getenv(b'IDLEHANDS_ROOM'))",
    ),
    "flags and streams": Script(
        "import sys\n"
        "print(sys.flags, sys.stdin, sys.stdout, sys.stderr, sys.__stdout__ is sys.stdout)\n"
        "print(sys.stdout.line_buffering, sys.stdout.write_through, sys.stdout.isatty(), "
        "sys.stdout.fileno(), sys.stdout.buffer, sys.stdin.buffer, sys.stdout.mode, "
        "sys.stdin.mode, sys.stderr.errors)",
    ),
    "bytes and unicode": Script(
        "import sys\nprint('ä€😀')\nsys.stdout.buffer.write(b'\\xff\\x00')\nsys.stderr.write('ü\\udce4\\n')",
    ),
    "both streams in turn": Script(
        "import os, sys\nfor i in range(3):\n print(i)\n print(i, file=sys.stderr)\n os.write(1, b'raw ')",
    ),
    "stdin": Script(
        "import json, sys\nprint(json.load(sys.stdin))",
        stdin=b'{"rate": 0.1}',
    ),
    "stdin line by line": Script(
        "import sys\nprint(input(), sys.stdin.readline(), sys.stdin.read())",
        stdin=b"a\r\nb\nc\n\xc3\xa4",
    ),
    "no stdin": Script(
        "input()",
    ),
    "exit code 3": Script(
        "import sys\nsys.exit(3)",
    ),
    "exit code -1": Script(
        "raise SystemExit(-1)",
    ),
    "exit code None": Script(
        "import sys\nprint('a')\nsys.exit(None)",
    ),
    "exit with a text": Script(
        "import sys\nsys.exit('no such file')",
    ),
    "exit with an object": Script(
        "raise SystemExit([1, 2])",
    ),
    "exit with a huge number": Script(
        "raise SystemExit(2**70)",
    ),
    "exit at once": Script(
        "import os\nprint('lost?', end='')\nos._exit(9)",
    ),
    "an uncaught exception": Script(
        "def f(x):\n    return 1 / x\n\n\ndef g():\n    f(0)\n\n\ng()\n",
    ),
    "chained exceptions": Script(
        "try:\n    {}['a']\nexcept KeyError as error:\n    raise ValueError('b') from error",
    ),
    "exceptions during handling": Script(
        "try:\n    {}['a']\nexcept KeyError:\n    int('x')",
    ),
    "an exception group": Script(
        "def f():\n"
        "    raise TypeError('t')\n"
        "\n"
        "\n"
        "errors = []\n"
        "try:\n"
        "    f()\n"
        "except TypeError as e:\n"
        "    errors.append(e)\n"
        "raise ExceptionGroup('many', [*errors, ValueError('v')])",
    ),
    "an exception with notes": Script(
        "class Odd(Exception):\n    pass\n\n\ne = Odd('x')\ne.add_note('look here')\nraise e",
    ),
    "an exception in its own text": Script(
        "class Odd(Exception):\n    def __str__(self):\n        raise ValueError\n\n\nraise Odd",
    ),
    "an import that fails": Script(
        "import nothing_of_that_name",
    ),
    "a syntax error": Script(
        "print(1)\nx = = 2\n",
    ),
    "an indentation error": Script(
        "if True:\nprint(1)\n",
    ),
    "a warning of the compiler": Script(
        "x = 1\nprint(x is 1)\nassert (x, 'always')",
    ),
    "recursion without end": Script(
        "def f(n):\n    return f(n + 1)\n\n\nf(0)",
    ),
    "how deep it can go": Script(
        "import sys\n"
        "\n"
        "\n"
        "def f(n):\n"
        "    global deepest\n"
        "    deepest = n\n"
        "    f(n + 1)\n"
        "\n"
        "\n"
        "try:\n"
        "    f(0)\n"
        "except RecursionError as e:\n"
        "    print(deepest, sys.getrecursionlimit(), e)",
    ),
    "stacks": Script(
        "import inspect, sys, traceback\n"
        "traceback.print_stack()\n"
        "print(len(inspect.stack()))\n"
        "print(sys._getframe().f_back)\n"
        "try:\n"
        "    sys._getframe(1)\n"
        "except ValueError as e:\n"
        "    print(e)",
    ),
    "warnings": Script(
        "import warnings\n"
        "warnings.warn('here')\n"
        "warnings.warn('above', stacklevel=2)\n"
        "warnings.warn('old', DeprecationWarning)\n"
        "\n"
        "\n"
        "def f():\n"
        "    warnings.warn('caller', stacklevel=2)\n"
        "\n"
        "\n"
        "f()",
    ),
    "a hook for exceptions": Script(
        "import sys\n"
        "sys.excepthook = lambda t, v, tb: print('hook', t, v, tb.tb_lineno, sys.exc_info())\n"
        "1 / 0",
    ),
    "a hook that fails": Script(
        "import sys\n\n\ndef hook(*_):\n    raise ValueError('worse')\n\n\nsys.excepthook = hook\n1 / 0",
    ),
    "atexit": Script(
        "import atexit, sys\n"
        "atexit.register(print, 'first')\n"
        "atexit.register(lambda: 1 / 0)\n"
        "atexit.register(lambda: print(sys.exc_info()))\n"
        "print('end')",
    ),
    "atexit after an exception": Script(
        "import atexit\natexit.register(print, 'still')\natexit.register(lambda: {}['x'])\nraise ValueError",
    ),
    "threads at the end": Script(
        "import threading, time\n"
        "\n"
        "\n"
        "def work():\n"
        "    time.sleep(0.05)\n"
        "    print('done', threading.main_thread().name, threading.current_thread().name)\n"
        "\n"
        "\n"
        "threading.Thread(target=work).start()\n"
        "print(threading.current_thread().name, threading.active_count())",
    ),
    "a thread that fails": Script(
        "import threading\nt = threading.Thread(target=lambda: 1 / 0, name='worker')\nt.start()\nt.join()",
    ),
    "a pool of threads": Script(
        "from concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor(2)\n"
        "print(list(pool.map(abs, [-1, -2])))\n"
        "pool.submit(print, 'late')",
    ),
    "destructors at the end": Script(
        "class A:\n"
        "    def __init__(self, n):\n"
        "        self.n = n\n"
        "    def __del__(self):\n"
        "        print('del', self.n)\n"
        "\n"
        "\n"
        "a, _b = A('a'), A('_b')\n"
        "c = A('c')\n"
        "c.me = c\n"
        "d = [A('d')]",
    ),
    "a destructor after an exception": Script(
        "class A:\n"
        "    def __del__(self):\n"
        "        print('gone')\n"
        "\n"
        "\n"
        "def f():\n"
        "    a = A()\n"
        "    1 / 0\n"
        "\n"
        "\n"
        "f()",
    ),
    "a file that nobody closed": Script(
        "import subprocess, atexit, os\n"
        "f = open('out.txt', 'w')\n"
        "f.write('x' * 10)\n"
        "class Late:\n"
        "    def __del__(self):\n"
        "        os.write(1, b'late')\n"
        "late = Late()",
    ),
    "finalizers": Script(
        "import weakref\n"
        "\n"
        "\n"
        "class A:\n"
        "    pass\n"
        "\n"
        "\n"
        "a = A()\n"
        "weakref.finalize(a, print, 'finalized')\n"
        "print('end')",
    ),
    "signals": Script(
        "import signal\n"
        "print([(s, signal.getsignal(s)) for s in sorted(signal.valid_signals())])\n"
        "print(signal.pthread_sigmask(signal.SIG_BLOCK, []))",
    ),
    "ended by TERM": Script(
        "import os, signal\nprint('x')\nos.kill(os.getpid(), signal.SIGTERM)",
    ),
    "ended by a crash": Script(
        "import os, signal\nos.kill(os.getpid(), signal.SIGSEGV)",
    ),
    "interrupted": Script(
        "import os, signal\nos.kill(os.getpid(), signal.SIGINT)\nwhile True:\n    pass",
    ),
    "a handler of its own": Script(
        "import os, signal\n"
        "signal.signal(signal.SIGUSR1, lambda *_: print('heard'))\n"
        "os.kill(os.getpid(), signal.SIGUSR1)\n"
        "print('after')",
    ),
    "aborted": Script(
        "import os\nos.abort()",
    ),
    "a broken pipe": Script(
        "import os, sys\n"
        "r, w = os.pipe()\n"
        "os.close(r)\n"
        "try:\n"
        "    os.write(w, b'x')\n"
        "except BrokenPipeError as e:\n"
        "    print(e)",
    ),
    "stdout closed": Script(
        "import sys\nsys.stdout.close()\nprint('x')",
    ),
    "stdout gone": Script(
        "import os, sys\nos.close(1)\nsys.exit(0)",
    ),
    "its own session": Script(
        "import os\nprint(os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid(), os.umask(0), os.nice(0))",
    ),
    "open files": Script(
        "import os\n"
        "print(sorted(n for n in map(int, os.listdir('/proc/self/fd')) if "
        "os.path.exists(f'/proc/self/fd/{n}')) [:3], len(os.listdir('/proc/self/fd')))",
    ),
    "how many threads": Script(
        "import os\nprint(len(os.listdir('/proc/self/task')))",
    ),
    "limits": Script(
        "import resource as r\nprint([r.getrlimit(n) for n in range(16)])",
    ),
    "dataclasses": Script(
        "from dataclasses import dataclass, asdict\n"
        "\n"
        "\n"
        "@dataclass\n"
        "class P:\n"
        "    x: int\n"
        "    y: 'list[int]'\n"
        "\n"
        "\n"
        "print(P(1, [2]), asdict(P(1, [2])), P.__module__, P)",
    ),
    "pickles of its own classes": Script(
        "import pickle\n"
        "\n"
        "class Shape:\n"
        "    def __init__(self, side):\n"
        "        self.side = side\n"
        "\n"
        "def area(shape):\n"
        "    return shape.side ** 2, __name__\n"
        "\n"
        "d = pickle.dumps(Shape(3))\n"
        "print(d, area(pickle.loads(d)))",
    ),
    "an import of the main module": Script(
        "import __main__\nx = 4\nprint(__main__.x, __main__.__file__)",
    ),
    "a module beside it": Script(
        "import model\nprint(model.name, model.__file__, model.__name__)",
        beside=(("model.py", "import __main__\nname = 'mine ' + __main__.__name__\n"),),
    ),
    "a destructor in a module beside it": Script(
        "import model\nprint('end')",
        beside=(("model.py", "class A:\n    def __del__(self):\n        print('gone')\n\n\na = A()\n"),),
    ),
    "only in the main module": Script(
        "if __name__ == '__main__':\n    print('main')\nelse:\n    print('no')",
    ),
    "processes by fork": Script(
        "import multiprocessing as mp\n"
        "\n"
        "class Shape:\n"
        "    def __init__(self, side):\n"
        "        self.side = side\n"
        "\n"
        "def area(shape):\n"
        "    return shape.side ** 2, __name__\n"
        "\n"
        "if __name__ == '__main__':\n"
        "    with mp.get_context('fork').Pool(2) as pool:\n"
        "        print(pool.map(area, [Shape(n) for n in (1, 2)]))",
    ),
    "processes by spawn": Script(
        "import multiprocessing as mp\n"
        "\n"
        "class Shape:\n"
        "    def __init__(self, side):\n"
        "        self.side = side\n"
        "\n"
        "def area(shape):\n"
        "    return shape.side ** 2, __name__\n"
        "\n"
        "if __name__ == '__main__':\n"
        "    with mp.get_context('spawn').Pool(1) as pool:\n"
        "        print(pool.map(area, [Shape(n) for n in (1, 2)]))\n"
        "    print(mp.current_process().name, mp.parent_process(), mp.get_start_method())",
    ),
    "processes by forkserver": Script(
        "import multiprocessing as mp\n"
        "\n"
        "class Shape:\n"
        "    def __init__(self, side):\n"
        "        self.side = side\n"
        "\n"
        "def area(shape):\n"
        "    return shape.side ** 2, __name__\n"
        "\n"
        "if __name__ == '__main__':\n"
        "    c = mp.get_context('forkserver')\n"
        "    q = c.Queue()\n"
        "    p = c.Process(target=q.put, args=(3,))\n"
        "    p.start()\n"
        "    print(q.get(), p.name)\n"
        "    p.join()\n"
        "    print(p.exitcode)",
    ),
    "a fork of its own": Script(
        "import os, sys\n"
        "print('before')\n"
        "sys.stdout.flush()\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    print('child')\n"
        "    sys.exit(4)\n"
        "print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))",
    ),
    "a program of its own": Script(
        "import subprocess, sys\n"
        "print(subprocess.run([sys.executable, '-c', 'import sys; print(sys.argv)', 'a'], "
        "capture_output=True, text=True))",
    ),
    "asyncio": Script(
        "import asyncio\n"
        "\n"
        "\n"
        "async def main():\n"
        "    p = await asyncio.create_subprocess_exec('echo', 'hello', stdout=-1)\n"
        "    print(await p.communicate(), p.returncode)\n"
        "\n"
        "\n"
        "asyncio.run(main())",
    ),
    "coroutine never awaited": Script(
        "async def f():\n    pass\n\n\nf()",
    ),
    "logging": Script(
        "import logging\n"
        "logging.warning('w')\n"
        "logging.getLogger('a').error('e', stack_info=True)\n"
        "print(logging.root.handlers)",
    ),
    "temporary files": Script(
        "import os, tempfile\n"
        "print(tempfile.gettempdir() == os.environ['TMPDIR'])\n"
        "with tempfile.TemporaryDirectory() as d:\n"
        "    print(os.path.dirname(d) == os.environ['TMPDIR'])",
    ),
    "the source of its own code": Script(
        "import inspect\n"
        "\n"
        "\n"
        "def f():\n"
        "    return 1\n"
        "\n"
        "\n"
        "print(inspect.getsource(f), inspect.getfile(f), f.__code__.co_filename)",
    ),
    "eval and compile": Script(
        "print(eval('1 + 1'), f'{__name__}')\nexec('print(__name__)')",
    ),
    "profiling": Script(
        "import sys\nprint(sys.gettrace(), sys.getprofile(), sys.getswitchinterval())",
    ),
    "garbage": Script(
        "import gc\nprint(gc.isenabled(), gc.get_threshold(), gc.garbage)",
    ),
}

HEAVY = {
    "pandas": Script(
        "import pandas as pd\n"
        "df = pd.DataFrame({'a': [1, 2, 3], 'b': list('xyz')})\n"
        "print(df.describe(), df)\n"
        "df['c']",
    ),
    "numpy": Script(
        "import numpy as np\n"
        "r = np.random.default_rng(3)\n"
        "print(r.random(3), np.linalg.svd(np.eye(3))[1])\n"
        "print(np.float64(1) / np.float64(0))\n"
        "print(np.get_printoptions())",
    ),
}

HEAVIER = {
    "scikit-learn": Script(
        "from sklearn.datasets import make_classification\n"
        "from sklearn.ensemble import RandomForestClassifier\n"
        "from sklearn.linear_model import LogisticRegression\n"
        "x, y = make_classification(400, random_state=1)\n"
        "print(RandomForestClassifier(20, n_jobs=2, random_state=1).fit(x, y).score(x, y))\n"
        "print(LogisticRegression().fit(x, y).coef_.round(9))",
    ),
    "torch": Script(
        "import torch\n"
        "torch.manual_seed(1)\n"
        "m = torch.nn.Linear(8, 1)\n"
        "o = torch.optim.Adam(m.parameters())\n"
        "x = torch.randn(64, 8)\n"
        "for _ in range(20):\n"
        "    o.zero_grad()\n"
        "    l = (m(x) ** 2).mean()\n"
        "    l.backward()\n"
        "    o.step()\n"
        "print(l.item(), torch.get_num_threads(), m)",
    ),
    "torch with processes": Script(
        "import torch\n"
        "from torch.utils.data import DataLoader, TensorDataset\n"
        "d = TensorDataset(torch.arange(8.0))\n"
        "if __name__ == '__main__':\n"
        "    print([b[0].tolist() for b in DataLoader(d, 4, num_workers=2)])",
    ),
    "matplotlib": Script(
        "import os\n"
        "import matplotlib\n"
        "matplotlib.use('Agg')\n"
        "import matplotlib.pyplot as plt\n"
        "plt.plot([1, 2])\n"
        "plt.savefig('a.png')\n"
        "print(os.path.getsize('a.png'), matplotlib.get_backend())",
    ),
}
