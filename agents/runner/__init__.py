"""Running scripts on this machine: one interface, a subprocess per attempt, whole trees die."""
