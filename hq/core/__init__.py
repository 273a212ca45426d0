"""The pure core of HQ: no clock, randomness, thread, logger, paho or pymongo."""
