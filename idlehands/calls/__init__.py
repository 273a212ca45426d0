"""Function jobs: a pickled call as the work of a job, signed by its author; its result or exception back."""
