"""Paths of this server for answers and pages, without a host: a client's Host header must not be echoed."""


def workflow(workflow_id: str, *more: str) -> str:
    """A path below a workflow."""
    return "/".join((f"/api/workflows/{workflow_id}", *more))


def text(workflow_id: str, name: str) -> str:
    """One of the texts that a workflow wrote."""
    return workflow(workflow_id, "texts", name)


def report(report_id: str, ending: str) -> str:
    """A finished report's file, by the ending of its name."""
    return f"/api/reports/{report_id}.{ending}"
