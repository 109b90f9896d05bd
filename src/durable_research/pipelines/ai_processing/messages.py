"""The messages of a processed text: ids and small references. New fields need defaults."""

from durable_research.domain.documents.text import WrittenText
from durable_research.domain.values import Value
from durable_research.domain.workflow_ref import WorkflowMessage


class AIProcessing(WorkflowMessage):
    """Starts the workflow, and each step that needs no more; the request itself lies in table `workflows`."""

    tenant: str = "default"


class WrittenFor(WorkflowMessage):
    """Requests a step on the text that was written for this workflow."""

    text: WrittenText


class AIProcessingResult(Value):
    """The workflow's result: ids and links, never bytes."""

    workflow_id: str
    text_key: str
    summary_key: str
