"""The folder that scripts find on their path: it holds the optional module `idlehands`, nothing else."""
