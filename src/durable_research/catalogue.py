"""The list of pipelines, and the tables derived from it. API, pages, commands, workers and replay read it."""

from collections.abc import Mapping
from types import MappingProxyType

from durable_research.descriptor import Descriptor, Pipeline
from durable_research.domain.errors import UnknownPipeline
from durable_research.domain.workflows.workflow import Kind
from durable_research.pipelines.accept_scheduled import pipeline as accept_scheduled
from durable_research.pipelines.ai_processing import pipeline as ai_processing
from durable_research.pipelines.blog_post import pipeline as blog_post
from durable_research.pipelines.generate_report import pipeline as generate_report
from durable_research.pipelines.reconcile import pipeline as reconcile
from durable_research.policies import BUILT_IN, StepPolicy

# Pipelines that people start, in the order in which they are offered.
_STARTED_BY_PEOPLE = (generate_report.PIPELINE, blog_post.PIPELINE, ai_processing.PIPELINE)
# Workflows that start without a person; workers run them, and the sandbox passes their packages through.
_MACHINERY = (reconcile.PIPELINE, accept_scheduled.PIPELINE)

DESCRIPTORS: tuple[Descriptor, ...] = (*_STARTED_BY_PEOPLE, *_MACHINERY)
PIPELINES = {pipeline.path: pipeline for pipeline in _STARTED_BY_PEOPLE}
BY_KIND = {pipeline.kind: pipeline for pipeline in _STARTED_BY_PEOPLE}
# Kinds of workflows that can be resumed after a failure.
RESUMABLE_KINDS = frozenset(pipeline.kind for pipeline in _STARTED_BY_PEOPLE if pipeline.can_resume)
PACKAGES = tuple(one.package for one in DESCRIPTORS)
STEP_LABELS = {
    name: label for one in _STARTED_BY_PEOPLE for labels in (one.steps, one.undos) for name, label in labels.items()
}

_ROWS = (*(row for one in DESCRIPTORS for row in one.policies), *BUILT_IN)
_POLICIES = MappingProxyType({row.step: row for row in _ROWS})

# The error repeats at most this many characters of an unknown name.
_LONGEST_ECHO = 64


def policies() -> Mapping[str, StepPolicy]:
    """The policy of every activity, by its name; those that all pipelines share included."""
    return _POLICIES


def runs_workflows(queue: str) -> bool:
    """Whether this task queue carries workflow tasks, not only activity tasks."""
    return any(one.task_queue == queue for one in DESCRIPTORS)


def page_of(workflow_id: str, kind: Kind) -> str:
    """The path of a workflow's page."""
    return f"/{BY_KIND[kind].page}/{workflow_id}"


def pipeline_at(path: str) -> Pipeline:
    """The pipeline of that name in the API and in commands.

    Raises:
        UnknownPipeline: there is none; the message lists the existing ones.
    """
    if path in PIPELINES:
        return PIPELINES[path]
    raise UnknownPipeline(f"there is no pipeline {path[:_LONGEST_ECHO]!r}; there are {', '.join(PIPELINES)}")


def step_label(name: str) -> str:
    """A step's label for people; a step without one gets its own name in readable form."""
    return STEP_LABELS.get(name, name.replace("_", " ").capitalize())
