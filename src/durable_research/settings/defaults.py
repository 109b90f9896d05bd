"""Defaults that commands show too; without pydantic, so that a command's help needs none."""

DEFAULT_API_PORT = 8000
