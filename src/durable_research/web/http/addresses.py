"""Paths of this server that answers and pages name, without a host: what a client sent as its host must not come back."""


def workflow(workflow_id: str, *more: str) -> str:
    """Something of a workflow."""
    return "/".join((f"/api/workflows/{workflow_id}", *more))


def text(workflow_id: str, name: str) -> str:
    """One of the texts that a workflow wrote."""
    return workflow(workflow_id, "texts", name)


def report(report_id: str, ending: str) -> str:
    """A finished report's file, by the ending of its name."""
    return f"/api/reports/{report_id}.{ending}"
