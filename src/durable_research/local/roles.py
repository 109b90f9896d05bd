"""What a one-machine edition consists of, by the names that a person types; commands read it at each start."""

ROLES = ("postgres", "temporal", "simulator", "api", "worker")
