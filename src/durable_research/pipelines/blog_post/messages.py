"""The messages of a post: ids, a title and small references. New fields need defaults."""

from durable_research.domain.documents.text import WrittenText
from durable_research.domain.values import Value
from durable_research.domain.workflow_ref import WorkflowRef


class _OfPost(Value):
    """A message about a post, whose id is its workflow's."""

    post_id: str
    tenant: str

    @property
    def workflow(self) -> WorkflowRef:
        return WorkflowRef(self.post_id, self.tenant)


class BlogPost(_OfPost):
    """Starts the workflow; the request itself lies in table `workflows`. A post's id is its workflow's."""

    tenant: str = "default"
    tells_slack: bool = False


class PostReference(_OfPost):
    """Names the post for a step or an undo."""


class StorePost(_OfPost):
    """Requests the post's row."""

    text: WrittenText


class StoredPost(Value):
    """The title that the post ended up with."""

    title: str


class EmbedPost(_OfPost):
    """Requests the embedding by which related texts are found."""

    title: str
    text: WrittenText


class PostToSlack(_OfPost):
    """Requests the Slack message, and identifies it for the undo that deletes it."""

    title: str


class PostedToSlack(Value):
    """Slack's id of the message."""

    reference: str


class BlogPostResult(Value):
    """The workflow's result."""

    post_id: str
