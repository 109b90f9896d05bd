"""The descriptor of a blog post: its names, its steps with their policies and undos, its start message."""

from dataclasses import replace

from durable_research import queues
from durable_research.descriptor import Pipeline, Receivers, Step, Undo
from durable_research.domain.requests.post import PostRequest
from durable_research.domain.workflows.workflow import Kind
from durable_research.pipelines.blog_post.messages import BlogPost
from durable_research.policies import EMBEDDING_STEP, UNDO_TRIES, StepPolicy, model_step
from durable_research.ports.database.workflows import WorkflowRow

# A model call, as for a report; but giving up would undo a paid text, so a person decides first.
GENERATE_CONTENT = model_step("generate_content", asks_at_end_of_wait=True)

# One insert into our own database.
STORE_POST = StepPolicy("store_post", queues.RESEARCH, try_seconds=10, failures_allowed=3, first_wait=0.5)

# One request to the model's provider and one insert. Many servers offer no embeddings: a paid post is then undone only if a
# person decides so.
CREATE_EMBEDDING = replace(model_step(EMBEDDING_STEP, asks_at_end_of_wait=True), optional=True)

# Slack rate-limits and has outages; the step waits as for a model's provider, since giving up would undo a paid post.
POST_TO_SLACK = StepPolicy(
    "post_to_slack",
    queues.NOTIFICATIONS,
    try_seconds=30,
    failures_allowed=5,
    effect=True,
    waits=True,
    asks_at_end_of_wait=True,
)

# Like every undo; deleting a vector is one short statement.
DELETE_POST = StepPolicy("delete_post", queues.RESEARCH, try_seconds=60, failures_allowed=UNDO_TRIES, undoes=True)
DELETE_EMBEDDING = StepPolicy(
    "delete_embedding", queues.RESEARCH, try_seconds=20, failures_allowed=UNDO_TRIES, undoes=True
)
DELETE_MESSAGE = StepPolicy(
    "delete_message", queues.NOTIFICATIONS, try_seconds=60, failures_allowed=UNDO_TRIES, undoes=True
)

# One undo removes content and row: it also removes an object that no row names yet.
_REMOVE_POST = Undo(DELETE_POST, "Undo: remove the post")


def _start(row: WorkflowRow, receivers: Receivers) -> BlogPost:
    requested = PostRequest.model_validate(row.input).slack
    tells_slack = "slack" in (*receivers.default, *receivers.on_request) if requested is None else requested
    return BlogPost(post_id=row.workflow_id, tenant=row.tenant, tells_slack=tells_slack)


PIPELINE = Pipeline(
    path="blog-post",
    kind=Kind.POST,
    noun="blog post",
    button="Write a blog post",
    description="a blog post that is kept, with related texts, and told on Slack",
    page="posts",
    workflow_type="BlogPostWorkflow",
    package=__package__,
    task_queue=queues.RESEARCH,
    table=(
        Step(GENERATE_CONTENT, "Write the post", undo=_REMOVE_POST),
        Step(STORE_POST, "Store the post", undo=_REMOVE_POST),
        Step(CREATE_EMBEDDING, "Make it findable", undo=Undo(DELETE_EMBEDDING, "Undo: remove the embedding")),
        Step(POST_TO_SLACK, "Tell Slack", undo=Undo(DELETE_MESSAGE, "Undo: take the message back")),
    ),
    request=PostRequest,
    start_message=_start,
)
