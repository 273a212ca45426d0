"""The tests that others wrote for what Idlehands offers in the same form: run as they are installed here."""
