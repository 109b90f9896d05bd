"""Loading the classes of workflows by their recorded names: only workers and replayers need them."""

from importlib import import_module
from typing import Any


def workflow_class(package: str, workflow_type: str) -> type[Any]:
    """The workflow of that recorded name in the pipeline's package; a workflow is defined by its class's name."""
    found: type[Any] = getattr(import_module(f"{package}.workflow"), workflow_type)
    return found
