"""The three steps of a processed text and their undo. Each may be tried more than once; its effect is applied once."""

import asyncio
from dataclasses import dataclass

from temporalio import activity

from durable_research.domain.documents.text import WrittenText
from durable_research.domain.errors import OutputInvalid
from durable_research.domain.language.languages import primary_language
from durable_research.domain.requests.processing import ProcessingRequest, broken_rules
from durable_research.domain.workflow_ref import WorkflowRef
from durable_research.effects.text import Assignment, TextWriter
from durable_research.pipelines.ai_processing import pipeline, prompts
from durable_research.pipelines.ai_processing.messages import AIProcessing, WrittenFor
from durable_research.ports.database.workflows import Workflows
from durable_research.ports.vendors.languages import Languages


@dataclass
class AIProcessingActivities:
    """The activities; the fields are the ports and values that they use."""

    workflows: Workflows
    writer: TextWriter
    languages: Languages

    @activity.defn(name="generate_text")
    async def generate_text(self, message: AIProcessing) -> WrittenText:
        """Let the model write the text; a retry re-attaches to the call that an earlier attempt began."""
        request = await self._request(message.workflow)
        return await self.writer.write(
            Assignment(
                message.workflow,
                pipeline.GENERATE_TEXT.step,
                prompts.writing(request),
                request.prompt,
            )
        )

    @activity.defn(name="validate_output")
    async def validate_output(self, message: WrittenFor) -> None:
        """Check the text against the request's rules.

        Raises:
            OutputInvalid: it breaks one or more of them.
        """
        request = await self._request(message.workflow)
        text = await self.writer.read(message.text.text)
        language = await asyncio.to_thread(self._language_of, text, request.language)
        if broken := broken_rules(text, request.rules, request.language, language):
            raise OutputInvalid(f"the text was written and is not used: {'; '.join(broken)}")

    @activity.defn(name="summarize_text")
    async def summarize_text(self, message: WrittenFor) -> WrittenText:
        """Let the model summarise the text: a model call of its own."""
        text = await self.writer.read(message.text.text)
        return await self.writer.write(
            Assignment(
                message.workflow,
                pipeline.SUMMARIZE_TEXT.step,
                prompts.SUMMARIZE,
                prompts.to_summarize(text),
            )
        )

    @activity.defn(name="compensate_generate")
    async def compensate_generate(self, message: AIProcessing) -> None:
        """Remove the stored texts. The calls stay paid, and the ledger still counts them."""
        await self.writer.remove_all(message.workflow)

    def _language_of(self, text: str, tag: str | None) -> str | None:
        """The text's probable language; None without a requested language `tag`, or when it cannot be recognised."""
        requested = primary_language(tag) if tag else None
        return self.languages.language_of(text) if requested and self.languages.recognises(requested) else None

    async def _request(self, workflow: WorkflowRef) -> ProcessingRequest:
        return ProcessingRequest.model_validate((await self.workflows.get(workflow)).input)
