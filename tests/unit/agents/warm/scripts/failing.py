"""Scripts that fail, warn and look at their stack: every line of a traceback counts."""

from tests.unit.agents.warm.scripts.script import script

FAILING = {
    "an uncaught exception": script("""
        def f(x):
            return 1 / x


        def g():
            f(0)


        g()
        """),
    "chained exceptions": script("""
        try:
            {}['a']
        except KeyError as error:
            raise ValueError('b') from error"""),
    "exceptions during handling": script("""
        try:
            {}['a']
        except KeyError:
            int('x')"""),
    "an exception group": script("""
        def f():
            raise TypeError('t')


        errors = []
        try:
            f()
        except TypeError as e:
            errors.append(e)
        raise ExceptionGroup('many', [*errors, ValueError('v')])"""),
    "an exception with notes": script("""
        class Odd(Exception):
            pass


        e = Odd('x')
        e.add_note('look here')
        raise e"""),
    "an exception in its own text": script("""
        class Odd(Exception):
            def __str__(self):
                raise ValueError


        raise Odd"""),
    "an import that fails": script("import nothing_of_that_name"),
    "a syntax error": script("""
        print(1)
        x = = 2
        """),
    "an indentation error": script("""
        if True:
        print(1)
        """),
    "a warning of the compiler": script("""
        x = 1
        print(x is 1)
        assert (x, 'always')"""),
    "recursion without end": script("""
        def f(n):
            return f(n + 1)


        f(0)"""),
    "how deep it can go": script("""
        import sys


        def f(n):
            global deepest
            deepest = n
            f(n + 1)


        try:
            f(0)
        except RecursionError as e:
            print(deepest, sys.getrecursionlimit(), e)"""),
    "stacks": script("""
        import inspect, sys, traceback
        traceback.print_stack()
        print(len(inspect.stack()))
        print(sys._getframe().f_back)
        try:
            sys._getframe(1)
        except ValueError as e:
            print(e)"""),
    "warnings": script("""
        import warnings
        warnings.warn('here')
        warnings.warn('above', stacklevel=2)
        warnings.warn('old', DeprecationWarning)


        def f():
            warnings.warn('caller', stacklevel=2)


        f()"""),
    "a hook for exceptions": script("""
        import sys
        sys.excepthook = lambda t, v, tb: print('hook', t, v, tb.tb_lineno, sys.exc_info())
        1 / 0"""),
    "a hook that looks at the stack": script("""
        import sys, traceback

        sys.excepthook = lambda *_: traceback.print_stack()
        1 / 0
    """),
    "a hook that fails": script("""
        import sys


        def hook(*_):
            raise ValueError('worse')


        sys.excepthook = hook
        1 / 0"""),
    "the source of its own code": script("""
        import inspect


        def f():
            return 1


        print(inspect.getsource(f), inspect.getfile(f), f.__code__.co_filename)"""),
    "eval and compile": script("""
        print(eval('1 + 1'), f'{__name__}')
        exec('print(__name__)')"""),
}
