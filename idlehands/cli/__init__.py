"""The command line: words to requests, answers to text or JSON.

Standard output carries data only, so that it can be piped; everything said to
a person goes to standard error. Heavy imports happen inside commands.
"""
