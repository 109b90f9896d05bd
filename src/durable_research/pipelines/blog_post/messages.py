"""What crosses Temporal for a post: ids, a title and small references. New fields need defaults."""

from durable_research.domain.documents.text import WrittenText
from durable_research.domain.values import Value


class BlogPost(Value):
    """Starts the workflow; the request itself lies in table `workflows`. A post's id is its workflow's."""

    post_id: str
    tenant: str = "default"
    tells_slack: bool = False


class PostReference(Value):
    """Asks a step or an undo about a post."""

    post_id: str
    tenant: str


class StorePost(Value):
    """Asks for the post's row."""

    post_id: str
    tenant: str
    text: WrittenText


class StoredPost(Value):
    """The title that the post ended up with."""

    title: str


class EmbedPost(Value):
    """Asks for the vector by which related texts are found."""

    post_id: str
    tenant: str
    title: str
    text: WrittenText


class TellSlack(Value):
    """Asks to tell Slack, and names exactly what is to be taken back when it is undone."""

    post_id: str
    tenant: str
    title: str


class ToldSlack(Value):
    """Slack's id of the message."""

    reference: str


class BlogPostResult(Value):
    """The workflow's result."""

    post_id: str
