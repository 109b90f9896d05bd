"""Who requests an operation. Until there is a login, that is one caller for everybody."""

from dataclasses import dataclass

from durable_research.domain.errors import NotFound
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.domain.workflows.workflow import kind_of


@dataclass(frozen=True)
class Caller:
    """Sees and changes what belongs to its tenant; never made from what a client sends."""

    tenant: str

    def workflow(self, workflow_id: str) -> WorkflowRef:
        """The caller's workflow with this id, if there is one: every read and change begins here.

        Raises:
            NotFound: the id is malformed; an unknown or another tenant's id gets the same error where the row is read.
        """
        if kind_of(workflow_id) is None:
            raise NotFound("there is no such workflow")
        return WorkflowRef(workflow_id, self.tenant)


LOCAL_CALLER = Caller("default")
