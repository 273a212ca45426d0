"""Scripts that end in every way that there is, and what runs when they do."""

from tests.unit.agents.warm.scripts.script import script

ENDING = {
    "exit code 3": script("""
        import sys
        sys.exit(3)"""),
    "exit code -1": script("raise SystemExit(-1)"),
    "exit code None": script("""
        import sys
        print('a')
        sys.exit(None)"""),
    "exit with a text": script("""
        import sys
        sys.exit('no such file')"""),
    "exit with an object": script("raise SystemExit([1, 2])"),
    "exit with a huge number": script("raise SystemExit(2**70)"),
    "exit at once": script("""
        import os
        print('lost?', end='')
        os._exit(9)"""),
    "atexit": script("""
        import atexit, sys
        atexit.register(print, 'first')
        atexit.register(lambda: 1 / 0)
        atexit.register(lambda: print(sys.exc_info()))
        print('end')"""),
    "atexit after an exception": script("""
        import atexit
        atexit.register(print, 'still')
        atexit.register(lambda: {}['x'])
        raise ValueError"""),
    "threads at the end": script("""
        import threading, time


        def work():
            time.sleep(0.05)
            print('done', threading.main_thread().name, threading.current_thread().name)


        threading.Thread(target=work).start()
        print(threading.current_thread().name, threading.active_count())"""),
    "a thread that fails": script("""
        import threading
        t = threading.Thread(target=lambda: 1 / 0, name='worker')
        t.start()
        t.join()"""),
    "a pool of threads": script("""
        from concurrent.futures import ThreadPoolExecutor
        pool = ThreadPoolExecutor(2)
        print(list(pool.map(abs, [-1, -2])))
        pool.submit(print, 'late')"""),
    "destructors at the end": script("""
        class A:
            def __init__(self, n):
                self.n = n
            def __del__(self):
                print('del', self.n)


        a, _b = A('a'), A('_b')
        c = A('c')
        c.me = c
        d = [A('d')]"""),
    "a destructor after an exception": script("""
        class A:
            def __del__(self):
                print('gone')


        def f():
            a = A()
            1 / 0


        f()"""),
    "a destructor in a module beside it": script(
        """
        import model
        print('end')""",
        beside=(("model.py", "class A:\n    def __del__(self):\n        print('gone')\n\n\na = A()\n"),),
    ),
    "a file that nobody closed": script("""
        import subprocess, atexit, os
        f = open('out.txt', 'w')
        f.write('x' * 10)
        class Late:
            def __del__(self):
                os.write(1, b'late')
        late = Late()"""),
    "finalizers": script("""
        import weakref


        class A:
            pass


        a = A()
        weakref.finalize(a, print, 'finalized')
        print('end')"""),
    "ended by TERM": script("""
        import os, signal
        print('x')
        os.kill(os.getpid(), signal.SIGTERM)"""),
    "ended by a crash": script("""
        import os, signal
        os.kill(os.getpid(), signal.SIGSEGV)"""),
    "interrupted": script("""
        import os, signal
        os.kill(os.getpid(), signal.SIGINT)
        while True:
            pass"""),
    "a handler of its own": script("""
        import os, signal
        signal.signal(signal.SIGUSR1, lambda *_: print('heard'))
        os.kill(os.getpid(), signal.SIGUSR1)
        print('after')"""),
    "aborted": script("""
        import os
        os.abort()"""),
    "a broken pipe": script("""
        import os, sys
        r, w = os.pipe()
        os.close(r)
        try:
            os.write(w, b'x')
        except BrokenPipeError as e:
            print(e)"""),
    "stdout closed": script("""
        import sys
        sys.stdout.close()
        print('x')"""),
    "stdout gone": script("""
        import os, sys
        os.close(1)
        sys.exit(0)"""),
    "stdout closed before the exit handlers": script("""
        import atexit, sys, traceback

        atexit.register(print, "late")
        atexit.register(traceback.print_stack)
        sys.stdout.close()
    """),
    "a stream of its own that cannot be flushed": script("""
        import sys

        class Stream:
            def write(self, text):
                return len(text)

            def flush(self):
                raise OSError("no")

        sys.stdout = Stream()
        print("lost")
    """),
    "a generator that does not end": script("""
        def endless():
            try:
                yield
            except GeneratorExit:
                yield

        waiting = endless()
        next(waiting)
    """),
    "a destructor that fails": script("""
        class Thing:
            def __del__(self):
                1 / 0

        thing = Thing()
    """),
    "coroutine never awaited": script("""
        async def f():
            pass


        f()"""),
}
