"""On each machine: claim jobs, run scripts, keep results until HQ has them."""
