"""The four steps of a report. Each may be tried more than once; its effect is applied once."""

import asyncio
import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from temporalio import activity

from durable_research import failpoints
from durable_research.domain.addresses import is_address
from durable_research.domain.composition import compose
from durable_research.domain.effects import Effect, ResendPolicy, SendState
from durable_research.domain.errors import ModelTruncated, NotificationRefused, Unconfirmed
from durable_research.domain.report import DocumentReference, Report, ReportRequest, TextReference
from durable_research.domain.usage import TokenUsage
from durable_research.effects import EffectRunner
from durable_research.pipelines.generate_report import prompts
from durable_research.pipelines.generate_report.messages import (
    CreatePdf,
    LlmCall,
    NotificationOutcome,
    Notified,
    ReportPdf,
    ReportText,
    SendNotification,
    StoreReportMetadata,
)
from durable_research.ports.documents import DocumentRenderer
from durable_research.ports.ledger import Effects
from durable_research.ports.models import LanguageModel, ModelAnswer, ModelCall
from durable_research.ports.notifiers import Delivery, Notification, Notifier
from durable_research.ports.objects import ObjectStore
from durable_research.ports.progress import CurrentAttempt, Drafts
from durable_research.ports.remote import RemoteEffect
from durable_research.ports.reports import Reports
from durable_research.ports.workflows import Workflows
from durable_research.temporal import policies

# A channel that will never be told: the others are still tried.
_NEVER = (NotificationRefused, Unconfirmed)


@dataclass
class GenerateReportActivities:
    """Its fields are its needs. `report_url_prefix` begins the address that a notification shows."""

    workflows: Workflows
    effects: EffectRunner
    ledger: Effects
    current_attempt: CurrentAttempt
    drafts: Drafts
    model: LanguageModel
    objects: ObjectStore
    renderer: DocumentRenderer
    reports: Reports
    notifiers: Mapping[str, Notifier]
    report_url_prefix: str
    model_resend: ResendPolicy = ResendPolicy.BOUNDED
    notification_resend: ResendPolicy = ResendPolicy.NEVER

    @activity.defn(name="llm_call")
    async def llm_call(self, asked: LlmCall) -> ReportText:
        """Ask the model, and go on where it was cut; a retry takes up the call that an earlier attempt began.

        Raises:
            ModelTruncated: it was cut as often as we go on.
        """
        row = await self.workflows.get(asked.report_id, asked.tenant)
        request = ReportRequest.model_validate(row.input)
        so_far, usage = "", TokenUsage()
        for part_number in range(1 + policies.GOING_ON_ALLOWED):
            part = await self._ask_for_part(asked, request, part_number, so_far)
            usage += part.usage
            if part.is_whole and not so_far:
                return part
            so_far += (await self.objects.get(part.text.key)).decode()
            if part.is_whole:
                text = await self._store_text(asked, so_far)
                return part.model_copy(update={"text": text, "usage": usage})
        raise ModelTruncated(f"the answer was cut {1 + policies.GOING_ON_ALLOWED} times and is still not whole")

    async def _ask_for_part(self, asked: LlmCall, request: ReportRequest, part_number: int, so_far: str) -> ReportText:
        """One paid model call: the answer's beginning, or what follows where it was cut."""
        question = prompts.question(request)
        attempt = self.current_attempt()
        effect = Effect(
            asked.tenant,
            asked.report_id,
            "llm_call",
            kind="model_call",
            provider=self.model.provider,
            provider_class=self.model.provider_class,
            request={"prompt": question},
            frozen={"model": self.model.model, "instructions": prompts.instructions(request), "go_on": prompts.GO_ON},
            ordinal=str(part_number),
            generation=asked.generation,
            resend=self.model_resend,
            settle_seconds=self.model.settle_seconds,
        )

        async def keep(answer: ModelAnswer) -> ReportText:
            kept = ReportText(
                text=await self._store_text(asked, answer.text),
                model=answer.model,
                provider=self.model.provider,
                is_demo=self.model.is_demo,
                usage=answer.usage,
                is_whole=answer.is_whole,
            )
            if answer.is_whole:
                self.drafts.drop(attempt)
            return kept

        def prepare(frozen: Mapping[str, Any]) -> RemoteEffect[ModelAnswer]:
            call = ModelCall(
                frozen["instructions"], question, frozen["model"], so_far, frozen.get("go_on", prompts.GO_ON)
            )
            return self.model.prepare(call, lambda text: self.drafts.show(attempt, so_far + text))

        return await self.effects.perform(effect, prepare, keep, ReportText)

    async def _store_text(self, asked: LlmCall, text: str) -> TextReference:
        data = text.encode(errors="replace")  # a lone surrogate of a model is no reason to lose an answer
        digest = hashlib.sha256(data).hexdigest()
        key = f"{asked.tenant}/{asked.report_id}/{digest}.md"
        await self.objects.put(key, data)
        return TextReference(key=key, sha256=digest, size_bytes=len(data))

    @activity.defn(name="stop_model_calls")
    async def stop_model_calls(self, asked: LlmCall) -> None:
        """Cancel what still runs at the provider for a report that has ended: nobody will fetch it."""
        for key, reference in await self.ledger.running_calls(asked.report_id):
            await self.model.cancel(reference)
            await self.ledger.close_send(key, reference, 0, SendState.SPENT)

    @activity.defn(name="create_pdf")
    async def create_pdf(self, asked: CreatePdf) -> ReportPdf:
        """Typeset the text; the object's key is the hash of its bytes, so a repeat stores nothing new."""
        row = await self.workflows.get(asked.report_id, asked.tenant)
        request = ReportRequest.model_validate(row.input)
        text = (await self.objects.get(asked.text.text.key)).decode()
        # Parsing is pure Python: a hostile text must not hold up the loop that carries the heartbeats.
        document = await asyncio.to_thread(
            compose,
            text,
            report_id=asked.report_id,
            title=request.title,
            language=request.language,
            asked_at=row.created_at,
            provider=asked.text.provider,
            model=asked.text.model,
            usage=asked.text.usage,
            is_demo=asked.text.is_demo,
        )
        rendered = await self.renderer.render(document)
        await failpoints.reach(failpoints.CREATE_PDF_RENDERED, asked.report_id)
        digest = hashlib.sha256(rendered.content).hexdigest()
        key = f"{asked.tenant}/{asked.report_id}/{digest}.pdf"
        await self.objects.put(key, rendered.content)
        await failpoints.reach(failpoints.CREATE_PDF_STORED, asked.report_id)
        pdf = DocumentReference(key=key, sha256=digest, size_bytes=len(rendered.content), pages=rendered.pages)
        return ReportPdf(pdf=pdf, title=document.title)

    @activity.defn(name="store_report_metadata")
    async def store_report_metadata(self, asked: StoreReportMetadata) -> None:
        """Write the report's row; writing it again changes nothing."""
        row = await self.workflows.get(asked.report_id, asked.tenant)
        request = ReportRequest.model_validate(row.input)
        report = Report(
            report_id=asked.report_id,
            title=asked.pdf.title,
            prompt=request.prompt,
            user=request.user,
            language=request.language,
            text=asked.text.text,
            pdf=asked.pdf.pdf,
            model=asked.text.model,
            provider=asked.text.provider,
            is_demo=asked.text.is_demo,
            usage=asked.text.usage,
            asked_title=request.title,
            asked_at=row.created_at,
        )
        await self.reports.store(report, asked.tenant)
        await failpoints.reach(failpoints.STORE_REPORT_METADATA_STORED, asked.report_id)

    @activity.defn(name="send_notification")
    async def send_notification(self, asked: SendNotification) -> NotificationOutcome:
        """Tell each channel, whatever the others do; a retry tells only those that were not told.

        Raises:
            NotificationFailed: a receiver did not accept, and may accept later.
        """
        outcomes = await asyncio.gather(
            *(self._tell(asked, channel) for channel in asked.channels), return_exceptions=True
        )
        for outcome in outcomes:
            if isinstance(outcome, BaseException) and not isinstance(outcome, _NEVER):
                raise outcome
        refused = [
            channel for channel, outcome in zip(asked.channels, outcomes, strict=True) if isinstance(outcome, _NEVER)
        ]
        told = [channel for channel in asked.channels if channel not in refused]
        return NotificationOutcome(told=tuple(told), refused=tuple(refused))

    async def _tell(self, asked: SendNotification, channel: str) -> Notified:
        """Tell one channel or address; the message's id is the effect's key, so a receiver can drop a repeat."""
        notifier = self.notifiers.get("address" if is_address(channel) else channel)
        if notifier is None:
            raise NotificationRefused(f"no receiver is configured for channel {channel!r}")
        notification = Notification(
            asked.report_id, asked.title, "done", f"{self.report_url_prefix}/reports/{asked.report_id}", channel
        )
        effect = Effect(
            asked.tenant,
            asked.report_id,
            "send_notification",
            kind="notification",
            provider=notifier.channel,
            provider_class=notifier.provider_class,
            request={"channel": channel, "report_id": asked.report_id, "title": asked.title},
            ordinal=channel,
            resend=self.notification_resend,
            settle_seconds=notifier.settle_seconds,
        )

        async def keep(delivery: Delivery) -> Notified:
            return Notified(channel=channel, reference=delivery.reference)

        return await self.effects.perform(effect, lambda _: notifier.prepare(notification), keep, Notified)
