"""The workflow of a post: write it, store it, make it findable, post to Slack; and the compensation when that fails."""

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from durable_research.domain.workflows.events import Closed
    from durable_research.pipelines.blog_post import pipeline
    from durable_research.pipelines.blog_post.activities import BlogPostActivities
    from durable_research.pipelines.blog_post.messages import (
        BlogPost,
        BlogPostResult,
        EmbedPost,
        PostReference,
        PostToSlack,
        StorePost,
    )
    from durable_research.temporal.workflow.base import DurableWorkflow, Outcome


@workflow.defn(name="BlogPostWorkflow")
class BlogPostWorkflow(DurableWorkflow):
    """Durable from the accepted question to the message on Slack, or compensated."""

    @workflow.run
    async def run(self, start: BlogPost) -> BlogPostResult:
        """Run the four steps and write the outcome."""
        return await self.run_to_end(self._steps(start))

    async def _steps(self, start: BlogPost) -> Outcome[BlogPostResult]:
        # One undo removes content and row: it also removes an object that no row names yet.
        self.saga.register(BlogPostActivities.delete_post, start, pipeline.DELETE_POST)
        text = await self.paid_step(BlogPostActivities.generate_content, start, pipeline.GENERATE_CONTENT)
        to_store = StorePost(post_id=start.post_id, tenant=start.tenant, text=text)
        stored = await self.step(BlogPostActivities.store_post, to_store, pipeline.STORE_POST)

        post = PostReference(post_id=start.post_id, tenant=start.tenant)
        self.saga.register(BlogPostActivities.delete_embedding, post, pipeline.DELETE_EMBEDDING)
        to_embed = EmbedPost(post_id=start.post_id, tenant=start.tenant, title=stored.title, text=text)
        await self.skippable_step(BlogPostActivities.create_embedding, to_embed, pipeline.CREATE_EMBEDDING)

        if start.tells_slack:
            to_post = PostToSlack(post_id=start.post_id, tenant=start.tenant, title=stored.title)
            self.saga.register(BlogPostActivities.delete_message, to_post, pipeline.DELETE_MESSAGE)
            await self.paid_step(BlogPostActivities.post_to_slack, to_post, pipeline.POST_TO_SLACK)
        closed = Closed(texts={"text": text}, title=stored.title)
        return Outcome(BlogPostResult(post_id=start.post_id), closed=closed)
