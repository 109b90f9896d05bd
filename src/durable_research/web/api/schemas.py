"""The schemas of the OpenAPI document, written from the types of answers and requests."""

from typing import Annotated, Any, Literal, NotRequired

from pydantic import BaseModel, TypeAdapter, WithJsonSchema
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaMode
from typing_extensions import TypedDict

from durable_research.catalogue import PIPELINES
from durable_research.domain.workflows.events import EventKind
from durable_research.domain.workflows.workflow import Kind
from durable_research.web.api.workflow_bodies import (
    DraftBody,
    EventBody,
    ReportResultBody,
    TextsResultBody,
    WorkflowId,
)
from durable_research.web.http.problems import ProblemBody

_TEMPLATE = "#/components/schemas/{model}"
_WORKFLOW_ID = TypeAdapter(WorkflowId).json_schema()


class ResultBody(TypedDict):
    """Stands for the result of any kind in the route table; each kind's own is described by `_results`."""


class StreamItem(TypedDict):
    """One message of the stream of events. A draft has no `id`: it is not part of the log."""

    id: NotRequired[Annotated[str, WithJsonSchema({"type": "string", "pattern": "^[0-9]+$"})]]
    event: EventKind | Literal["draft"]
    data: Annotated[
        str,
        WithJsonSchema(
            {
                "type": "string",
                "contentMediaType": "application/json",
                "contentSchema": {
                    "anyOf": [{"$ref": f"#/components/schemas/{one.__name__}"} for one in (EventBody, DraftBody)]
                },
            }
        ),
    ]


_ALWAYS: tuple[Any, ...] = (ProblemBody, StreamItem, EventBody, DraftBody, ReportResultBody, TextsResultBody)


class _Untitled(GenerateJsonSchema):
    """Omits the title of every field, which would only repeat its name."""

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False


def reference(one: Any) -> dict[str, Any]:
    """The reference to a type's schema."""
    return {"$ref": _TEMPLATE.format(model=one.__name__)}


def schema_components(answers: set[Any], requests: set[type[BaseModel]]) -> dict[str, Any]:
    """All schemas by their names: of answers, requests, problems and messages of streams."""
    modes: tuple[JsonSchemaMode, JsonSchemaMode] = ("serialization", "validation")
    answer_models = sorted({*answers, *_ALWAYS} - {ResultBody}, key=lambda one: str(one.__name__))
    request_models = sorted(requests, key=lambda one: one.__name__)
    _, schemas = TypeAdapter.json_schemas(
        [
            *((one, modes[0], TypeAdapter(one)) for one in answer_models),
            *((one, modes[1], TypeAdapter(one)) for one in request_models),
        ],
        ref_template=_TEMPLATE,
        schema_generator=_Untitled,
    )
    components: dict[str, Any] = schemas["$defs"]
    return components | _results(components.pop(TextsResultBody.__name__))


def _results(of_texts: dict[str, Any]) -> dict[str, Any]:
    """One result for each kind: kinds other than reports name their id by the kind, and have the addresses of their texts."""
    names, schemas = [ReportResultBody.__name__], dict[str, Any]()
    for pipeline in PIPELINES.values():
        if pipeline.kind is Kind.REPORT:
            continue
        name, own_id = f"{pipeline.kind.capitalize()}ResultBody", f"{pipeline.kind}_id"
        schemas[name] = of_texts | {
            "title": name,
            "properties": of_texts["properties"] | {own_id: _WORKFLOW_ID},
            "required": [*of_texts["required"], own_id],
        }
        names.append(name)
    schemas[ResultBody.__name__] = {"anyOf": [{"$ref": _TEMPLATE.format(model=name)} for name in names]}
    return schemas
