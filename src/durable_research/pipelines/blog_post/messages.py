"""What crosses Temporal for a post: ids, a title and small references. New fields need defaults."""

from pydantic import BaseModel, ConfigDict

from durable_research.domain.documents.text import WrittenText


class _Message(BaseModel):
    model_config = ConfigDict(frozen=True)


class BlogPost(_Message):
    """Starts the workflow; the request itself lies in table `workflows`. A post's id is its workflow's."""

    post_id: str
    tenant: str = "default"
    tells_slack: bool = False


class PostReference(_Message):
    """Asks a step or an undo about a post."""

    post_id: str
    tenant: str


class StorePost(_Message):
    """Asks for the post's row."""

    post_id: str
    tenant: str
    text: WrittenText


class StoredPost(_Message):
    """The title that the post ended up with."""

    title: str


class EmbedPost(_Message):
    """Asks for the vector by which related texts are found."""

    post_id: str
    tenant: str
    title: str
    text: WrittenText


class TellSlack(_Message):
    """Asks to tell Slack, and names exactly what is to be taken back when it is undone."""

    post_id: str
    tenant: str
    title: str


class ToldSlack(_Message):
    """Slack's id of the message."""

    reference: str


class BlogPostResult(_Message):
    """The workflow's result."""

    post_id: str
