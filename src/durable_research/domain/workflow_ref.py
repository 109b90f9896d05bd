"""The name of a workflow, in the one form in which it travels."""

from dataclasses import dataclass

from durable_research.domain.values import Value


@dataclass(frozen=True)
class WorkflowRef:
    """A workflow's id and its owner: another tenant's workflow with this id is not found."""

    workflow_id: str
    tenant: str


class WorkflowMessage(Value):
    """A message of Temporal about one workflow; the two fields stand in recorded histories."""

    workflow_id: str
    tenant: str

    @property
    def workflow(self) -> WorkflowRef:
        return WorkflowRef(self.workflow_id, self.tenant)
