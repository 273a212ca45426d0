"""Scripts that are imported, pickled, forked or started again."""

from tests.unit.agents.warm.scripts.script import SHAPE, script

MULTIPLYING = {
    "dataclasses": script("""
        from dataclasses import dataclass, asdict


        @dataclass
        class P:
            x: int
            y: 'list[int]'


        print(P(1, [2]), asdict(P(1, [2])), P.__module__, P)"""),
    "pickles of its own classes": script(
        """
        import pickle

        """,
        SHAPE,
        "d = pickle.dumps(Shape(3))\nprint(d, area(pickle.loads(d)))",
    ),
    "an import of the main module": script("""
        import __main__
        x = 4
        print(__main__.x, __main__.__file__)"""),
    "a module beside it": script(
        """
        import model
        print(model.name, model.__file__, model.__name__)""",
        beside=(("model.py", "import __main__\nname = 'mine ' + __main__.__name__\n"),),
    ),
    "only in the main module": script("""
        if __name__ == '__main__':
            print('main')
        else:
            print('no')"""),
    "processes by fork": script(
        """
        import multiprocessing as mp

        """,
        SHAPE,
        """
        if __name__ == '__main__':
            with mp.get_context('fork').Pool(2) as pool:
                print(pool.map(area, [Shape(n) for n in (1, 2)]))""",
    ),
    "processes by spawn": script(
        """
        import multiprocessing as mp

        """,
        SHAPE,
        """
        if __name__ == '__main__':
            with mp.get_context('spawn').Pool(1) as pool:
                print(pool.map(area, [Shape(n) for n in (1, 2)]))
            print(mp.current_process().name, mp.parent_process(), mp.get_start_method())""",
    ),
    "processes by forkserver": script(
        """
        import multiprocessing as mp

        """,
        SHAPE,
        """
        if __name__ == '__main__':
            c = mp.get_context('forkserver')
            q = c.Queue()
            p = c.Process(target=q.put, args=(3,))
            p.start()
            print(q.get(), p.name)
            p.join()
            print(p.exitcode)""",
    ),
    "a fork of its own": script("""
        import os, sys
        print('before')
        sys.stdout.flush()
        pid = os.fork()
        if pid == 0:
            print('child')
            sys.exit(4)
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))"""),
    "a program of its own": script("""
        import subprocess, sys
        print(subprocess.run([sys.executable, '-c', 'import sys; print(sys.argv)', 'a'],
                             capture_output=True, text=True))"""),
    "asyncio": script("""
        import asyncio


        async def main():
            p = await asyncio.create_subprocess_exec('echo', 'hello', stdout=-1)
            print(await p.communicate(), p.returncode)


        asyncio.run(main())"""),
}
