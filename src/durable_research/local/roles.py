"""The roles of a one-machine edition, by their names on the command line; commands read it at each start."""

ROLES = ("postgres", "temporal", "simulator", "api", "worker")
