"""Scripts that say what they are given and where they are."""

from tests.unit.agents.warm.scripts.script import script

SPEAKING = {
    "one JSON line": script("""
        import json
        print(json.dumps({'loss': 0.5}))"""),
    "nothing at all": script(""),
    "no newline at the end": script("print('x', end='')"),
    "arguments": script(
        """
        import sys
        print(sys.argv)""",
        argv=("--rate", "0.1", "", "ä ö"),
    ),
    "argparse": script(
        """
        import argparse
        p = argparse.ArgumentParser()
        p.add_argument('--n', type=int)
        print(p.parse_args())""",
        argv=("--n", "3"),
    ),
    "a usage error": script(
        """
        import argparse
        p = argparse.ArgumentParser()
        p.add_argument('--n', type=int)
        p.parse_args()""",
        argv=("--n", "three"),
    ),
    "the names of the main module": script("""
        print(sorted(globals()))
        print(list(globals()))"""),
    "what the main module is": script("""
        import sys
        m = sys.modules['__main__']
        print(m.__dict__ is globals(), __name__, __file__, __spec__, __package__, __doc__)
        print(type(__loader__), __loader__.name, __loader__.path)
        print(__builtins__, __cached__, __annotations__, m)"""),
    "a docstring and annotations": script("""
        '''What it does.'''
        x: int = 3
        print(__doc__, __annotations__)"""),
    "where modules are looked for": script("""
        import sys, os
        print(sys.path, os.getcwd(), sys.orig_argv[1:])"""),
    "the environment": script("""
        import os
        print(dict(os.environ))
        print(os.popen('env | sort | grep -v ^_=').read())"""),
    "the environment in C": script("""
        import ctypes, os
        c = ctypes.CDLL(None)
        c.getenv.restype = ctypes.c_char_p
        print(c.getenv(b'IDLEHANDS_JOB'), c.getenv(b'PATH'), c.getenv(b'IDLEHANDS_ROOM'))"""),
    "the command line as others see it": script(
        """
        import psutil

        print(psutil.Process().cmdline(), open("/proc/self/cmdline").read())
        """,
        argv=("one", "", "two words"),
    ),
    "flags and streams": script("""
        import sys
        print(sys.flags, sys.stdin, sys.stdout, sys.stderr, sys.__stdout__ is sys.stdout)
        print(sys.stdout.line_buffering, sys.stdout.write_through, sys.stdout.isatty())
        print(sys.stdout.fileno(), sys.stdout.buffer, sys.stdin.buffer)
        print(sys.stdout.mode, sys.stdin.mode, sys.stderr.errors)"""),
    "what streams can do": script(
        """
        import sys
        for s in (sys.stdin, sys.stdout, sys.stderr, sys.stdin.buffer, sys.stdout.buffer):
            print(s.seekable(), s.readable(), s.writable(), s.closed, s.name, s.fileno())
        print(sys.stdin.tell(), sys.stdin.readline(), sys.stdin.tell(), sys.stdin.seek(0), sys.stdin.read())
        print(sys.stdin.buffer.raw.closefd, sys.stdin.buffer.raw.mode, sys.stdin.newlines, sys.stdin.encoding)
        print(__import__('logging').StreamHandler().stream is sys.stderr)""",
        stdin=b"a\nb\n",
    ),
    "bytes and unicode": script(r"""
        import sys
        print('ä€😀')
        sys.stdout.buffer.write(b'\xff\x00')
        sys.stderr.write('ü\udce4\n')"""),
    "both streams in turn": script("""
        import os, sys
        for i in range(3):
         print(i)
         print(i, file=sys.stderr)
         os.write(1, b'raw ')"""),
    "stdin": script(
        """
        import json, sys
        print(json.load(sys.stdin))""",
        stdin=b'{"rate": 0.1}',
    ),
    "stdin line by line": script(
        """
        import sys
        print(input(), sys.stdin.readline(), sys.stdin.read())""",
        stdin=b"a\r\nb\nc\n\xc3\xa4",
    ),
    "no stdin": script("input()"),
    "open files": script("""
        import os
        there = [int(n) for n in os.listdir('/proc/self/fd') if os.path.exists(f'/proc/self/fd/{n}')]
        print(sorted(there)[:3], len(os.listdir('/proc/self/fd')))"""),
    "how many threads": script("""
        import os
        print(len(os.listdir('/proc/self/task')))"""),
    "limits": script("""
        import resource as r
        print([r.getrlimit(n) for n in range(16)])"""),
    "its own session": script("""
        import os
        print(os.getsid(0) == os.getpid(), os.getpgrp() == os.getpid(), os.umask(0), os.nice(0))"""),
    "signals": script("""
        import signal
        print([(s, signal.getsignal(s)) for s in sorted(signal.valid_signals())])
        print(signal.pthread_sigmask(signal.SIG_BLOCK, []))"""),
    "temporary files": script("""
        import os, tempfile
        print(tempfile.gettempdir() == os.environ['TMPDIR'])
        with tempfile.TemporaryDirectory() as d:
            print(os.path.dirname(d) == os.environ['TMPDIR'])"""),
    "logging": script("""
        import logging
        logging.warning('w')
        logging.getLogger('a').error('e', stack_info=True)
        print(logging.root.handlers)"""),
    "profiling": script("""
        import sys
        print(sys.gettrace(), sys.getprofile(), sys.getswitchinterval())"""),
    "garbage": script("""
        import gc
        print(gc.isenabled(), gc.get_threshold(), gc.garbage)"""),
}
