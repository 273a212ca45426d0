"""What an agent can see of its machine: one file per source, all behind `agents.guest.sensors.port`.

Standard library alone and no library of the system: an idle agent holds all
of it, and a library that ends its process when a desktop ends, as Xlib does,
would take the agent with it.
"""
