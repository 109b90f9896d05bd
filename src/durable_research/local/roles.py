"""What a one-machine edition starts, by its names on the command line; commands read it at each start."""

# What `--only` chooses from, and what `--with` adds.
ROLES = ("postgres", "temporal", "simulator", "api", "worker")
EXTRAS = ("prometheus",)
