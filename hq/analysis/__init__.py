"""What the trials of a sweep say, as pure functions over pandas.

Each takes the frame that `frame.trials_frame` makes and returns plain dictionaries and lists that are JSON;
page and REST show the same. They need the extra `analysis`; nothing imports them before they are asked for.
"""
