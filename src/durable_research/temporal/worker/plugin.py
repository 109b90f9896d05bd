"""All house rules of durability as one plugin, for workers, tests and the replayer alike."""

from collections.abc import Sequence

from temporalio.converter import DataConverter
from temporalio.plugin import SimplePlugin
from temporalio.worker import Interceptor, WorkflowRunner
from temporalio.worker.workflow_sandbox import SandboxedWorkflowRunner, SandboxRestrictions

# Never a workflow module and never the package as a whole: either would silently switch the sandbox off for workflow code.
_PASSED_THROUGH = (
    "durable_research.domain",
    "durable_research.ports",
    "durable_research.queues",
    "durable_research.policies",
    "durable_research.descriptor",
    "durable_research.telemetry.metrics",
    "durable_research.temporal",
)
_PASSED_THROUGH_OF_A_PIPELINE = ("pipeline", "activities", "messages", "prompts")


def sandbox(pipelines: Sequence[str]) -> WorkflowRunner:
    """The runner for workflow code. `pipelines` are dotted package names; their workflow modules stay inside the sandbox."""
    modules = [f"{pipeline}.{part}" for pipeline in pipelines for part in _PASSED_THROUGH_OF_A_PIPELINE]
    return SandboxedWorkflowRunner(
        restrictions=SandboxRestrictions.default.with_passthrough_modules(*_PASSED_THROUGH, *modules)
    )


def house_rules(
    pipelines: Sequence[str], converter: DataConverter, interceptors: Sequence[Interceptor] = ()
) -> SimplePlugin:
    """Converter, sandbox and interceptors in one. A worker's converter is its client's: pass that one on."""
    return SimplePlugin(
        "durable-research",
        data_converter=converter,
        interceptors=list(interceptors),
        workflow_runner=sandbox(pipelines),
    )
