"""How the answer to "where is this job" travels: as lines of the job's log, of a stream of their own."""

STREAM = "stacks"
#: The last line of an answer.
END = "(end of stacks)"
