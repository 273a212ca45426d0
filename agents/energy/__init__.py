"""What an attempt costs in energy and money.

    counters --> metering --> attribution --> `energy` of the attempt's result

`attribution` and `tariff` are pure. Nothing here is loaded before the first job.
"""
