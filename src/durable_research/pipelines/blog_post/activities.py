"""The four steps of a post and the three undos. Each may be tried more than once; its effect is applied once."""

import asyncio
from dataclasses import dataclass

from temporalio import activity

from durable_research.domain.documents.composition import compose
from durable_research.domain.documents.text import WrittenText
from durable_research.domain.errors import NotificationRefused
from durable_research.domain.ledger.effects import ResendPolicy
from durable_research.domain.requests.post import PostRequest
from durable_research.effects.embedding import Embedded, Embedder
from durable_research.effects.notification import Message, NotificationSender
from durable_research.effects.runner import EffectRunner
from durable_research.effects.text import Assignment, TextWriter
from durable_research.pipelines.blog_post import pipeline, prompts
from durable_research.pipelines.blog_post.messages import (
    BlogPost,
    EmbedPost,
    PostedToSlack,
    PostReference,
    PostToSlack,
    StoredPost,
    StorePost,
)
from durable_research.ports.database.posts import Post, Posts
from durable_research.ports.database.similarity import Subject
from durable_research.ports.database.workflows import Workflows
from durable_research.ports.vendors.notifiers import Notification, Notifier


@dataclass
class BlogPostActivities:
    """The activities. `slack` is None when no channel is configured; `post_url_prefix` begins a message's link."""

    workflows: Workflows
    effects: EffectRunner
    writer: TextWriter
    posts: Posts
    embedder: Embedder
    slack: Notifier | None
    post_url_prefix: str

    @activity.defn(name="generate_content")
    async def generate_content(self, message: BlogPost) -> WrittenText:
        """Let the model write the post; a retry re-attaches to the call that an earlier attempt began."""
        request = PostRequest.model_validate((await self.workflows.get(message.workflow)).input)
        instructions = prompts.instructions(request)
        return await self.writer.write(
            Assignment(message.workflow, pipeline.GENERATE_CONTENT.step, instructions, request.prompt)
        )

    @activity.defn(name="store_post")
    async def store_post(self, message: StorePost) -> StoredPost:
        """Write the post's row; writing it again changes nothing."""
        row = await self.workflows.get(message.workflow)
        request = PostRequest.model_validate(row.input)
        document = await asyncio.to_thread(
            compose,
            await self.writer.read(message.text.text),
            message.text,
            workflow_id=message.post_id,
            title=request.title,
            question=request.prompt,
            language=request.language,
            asked_at=row.created_at,
        )
        post = Post(
            post_id=message.post_id,
            title=document.title,
            prompt=request.prompt,
            language=request.language,
            text=message.text.text,
            model=message.text.model,
            provider=message.text.provider,
            is_demo=message.text.is_demo,
            usage=message.text.usage,
            asked_at=row.created_at,
        )
        await self.posts.store(post, message.tenant, self.writer.current_attempt())
        return StoredPost(title=post.title)

    @activity.defn(name="create_embedding")
    async def create_embedding(self, message: EmbedPost) -> Embedded:
        """Request the post's embedding and store it: one paid call."""
        subject = Subject(message.workflow, message.title, message.text.text)
        return await self.embedder.embed(subject, self.effects)

    @activity.defn(name="post_to_slack")
    async def post_to_slack(self, message: PostToSlack) -> PostedToSlack:
        """Notify the channel; the message carries a key made from the post's id, by which a retry finds it."""
        notified = await self._sender.send(self._message(message), self._slack())
        return PostedToSlack(reference=notified.reference)

    @activity.defn(name="delete_message")
    async def delete_message(self, message: PostToSlack) -> None:
        """Delete the message, even if its id was never received."""
        await self._sender.withdraw(self._message(message), self._slack())

    @activity.defn(name="delete_embedding")
    async def delete_embedding(self, message: PostReference) -> None:
        """Remove the vectors, whichever models made them; the calls stay paid."""
        await self.embedder.similarity.delete(message.workflow)

    @activity.defn(name="delete_post")
    async def delete_post(self, message: BlogPost) -> None:
        """Remove the row, then the text that it names; the calls stay paid."""
        await self.posts.delete(message.workflow)
        await self.writer.remove_all(message.workflow)

    def _slack(self) -> Notifier:
        if self.slack is None:
            raise NotificationRefused("no Slack channel is configured any more (SLACK_BOT_TOKEN, SLACK_CHANNEL)")
        return self.slack

    @property
    def _sender(self) -> NotificationSender:
        return NotificationSender(self.effects, ResendPolicy.NEVER)

    def _message(self, message: PostToSlack) -> Message:
        url = f"{self.post_url_prefix}/posts/{message.post_id}"
        return Message(
            message.tenant,
            pipeline.POST_TO_SLACK.step,
            Notification(message.post_id, message.title, "done", url, "slack"),
            {"post_id": message.post_id, "title": message.title},
        )
