"""`python -m durable_research` and the `durable-research` command."""

from durable_research.cli.main import main

if __name__ == "__main__":
    main()
