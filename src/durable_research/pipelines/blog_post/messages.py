"""The messages of a post: ids, a title and small references. New fields need defaults."""

from durable_research.domain.documents.text import WrittenText
from durable_research.domain.values import Value


class BlogPost(Value):
    """Starts the workflow; the request itself lies in table `workflows`. A post's id is its workflow's."""

    post_id: str
    tenant: str = "default"
    tells_slack: bool = False


class PostReference(Value):
    """Names the post for a step or an undo."""

    post_id: str
    tenant: str


class StorePost(Value):
    """Requests the post's row."""

    post_id: str
    tenant: str
    text: WrittenText


class StoredPost(Value):
    """The title that the post ended up with."""

    title: str


class EmbedPost(Value):
    """Requests the embedding by which related texts are found."""

    post_id: str
    tenant: str
    title: str
    text: WrittenText


class TellSlack(Value):
    """Requests the Slack message, and identifies it for the undo that deletes it."""

    post_id: str
    tenant: str
    title: str


class ToldSlack(Value):
    """Slack's id of the message."""

    reference: str


class BlogPostResult(Value):
    """The workflow's result."""

    post_id: str
