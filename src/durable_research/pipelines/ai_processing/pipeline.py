"""The descriptor of a processed text: its names, its steps with their policies and undo, its start message."""

from durable_research import queues
from durable_research.descriptor import Pipeline, Receivers, Step, Undo
from durable_research.domain.requests.processing import ProcessingRequest
from durable_research.domain.workflows.workflow import Kind
from durable_research.pipelines.ai_processing.messages import AIProcessing
from durable_research.policies import UNDO_TRIES, StepPolicy, model_step
from durable_research.ports.database.workflows import WorkflowRow

# Model calls, as for a report; but giving up would undo a paid text, so a person decides first.
GENERATE_TEXT = model_step("generate_text", asks_at_end_of_wait=True)
SUMMARIZE_TEXT = model_step("summarize_text", asks_at_end_of_wait=True)

# It reads and checks one object; the same text breaks the same rules, so a second failure is no accident of the network.
VALIDATE_OUTPUT = StepPolicy("validate_output", queues.AI_TASKS, try_seconds=20, failures_allowed=2)

# Like every undo.
COMPENSATE_GENERATE = StepPolicy(
    "compensate_generate", queues.RESEARCH, try_seconds=60, failures_allowed=UNDO_TRIES, undoes=True
)

# One undo removes the text and its summary.
_REMOVE_TEXTS = Undo(COMPENSATE_GENERATE, "Undo: remove the text")


def _start(row: WorkflowRow, receivers: Receivers) -> AIProcessing:
    return AIProcessing(workflow_id=row.workflow_id, tenant=row.tenant)


PIPELINE = Pipeline(
    path="ai-processing",
    kind=Kind.PROCESSING,
    noun="checked text",
    button="Write a checked text",
    description="a text that is checked by rules, with a summary",
    page="texts",
    workflow_type="AIProcessingWorkflow",
    package=__package__,
    task_queue=queues.AI_TASKS,
    table=(
        Step(GENERATE_TEXT, "Write the text", undo=_REMOVE_TEXTS),
        Step(VALIDATE_OUTPUT, "Check it by the rules"),
        Step(SUMMARIZE_TEXT, "Summarise it", undo=_REMOVE_TEXTS),
    ),
    request=ProcessingRequest,
    start_message=_start,
)
