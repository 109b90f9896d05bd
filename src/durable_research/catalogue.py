"""The list of pipelines, and what is derived from it. API, pages, commands, workers and replay read it."""

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

# What people start, in the order in which it is offered to them.
_STARTED_BY_PEOPLE = (generate_report.PIPELINE, blog_post.PIPELINE, ai_processing.PIPELINE)
# What runs by itself; workers run it and the sandbox knows its package.
_MACHINERY = (reconcile.PIPELINE, accept_scheduled.PIPELINE)

DESCRIPTORS: tuple[Descriptor, ...] = (*_STARTED_BY_PEOPLE, *_MACHINERY)
PIPELINES = {pipeline.path: pipeline for pipeline in _STARTED_BY_PEOPLE}
BY_KIND = {pipeline.kind: pipeline for pipeline in _STARTED_BY_PEOPLE}
# What can be resumed after it has failed.
RESUMABLE_KINDS = frozenset(pipeline.kind for pipeline in _STARTED_BY_PEOPLE if pipeline.can_resume)
PACKAGES = tuple(one.package for one in DESCRIPTORS)
STEP_LABELS = {
    name: label for one in _STARTED_BY_PEOPLE for labels in (one.steps, one.undos) for name, label in labels.items()
}

_ROWS = (*(row for one in DESCRIPTORS for row in one.policies), *BUILT_IN)
_POLICIES = MappingProxyType({row.step: row for row in _ROWS})

# So much of a name that does not exist is repeated.
_LONGEST_ECHO = 64


def policies() -> Mapping[str, StepPolicy]:
    """The policy of every activity that there is, by its name; those that all pipelines share included."""
    return _POLICIES


def runs_workflows(queue: str) -> bool:
    """Whether the tasks of a workflow, and not of activities alone, come by this queue."""
    return any(one.task_queue == queue for one in DESCRIPTORS)


def page_of(workflow_id: str, kind: Kind) -> str:
    """The path of a workflow's page."""
    return f"/{BY_KIND[kind].page}/{workflow_id}"


def pipeline_at(path: str) -> Pipeline:
    """The pipeline of that name in the API and in commands.

    Raises:
        UnknownPipeline: there is none; the words name those that there are.
    """
    if path in PIPELINES:
        return PIPELINES[path]
    raise UnknownPipeline(f"there is no pipeline {path[:_LONGEST_ECHO]!r}; there are {', '.join(PIPELINES)}")


def step_label(name: str) -> str:
    """A step's name for people; one that has none yet is readable as it is."""
    return STEP_LABELS.get(name, name.replace("_", " ").capitalize())
