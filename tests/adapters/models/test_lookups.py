"""The lookup after a send with an unknown outcome, which results of it count, and the server's class afterwards."""

from collections.abc import Awaitable, Callable, Mapping
from datetime import UTC, datetime
from typing import Any

import pytest

from durable_research.adapters.models.openai_chat import OpenAIChat
from durable_research.adapters.models.openai_responses import OpenAIResponses
from durable_research.adapters.models.server_limits import ServerLimits
from durable_research.domain.errors import Ambiguous, StillRunning
from durable_research.domain.ledger.effects import ProviderClass
from durable_research.domain.model_errors import (
    AnswerBroken,
    AnswerLost,
    CannotAsk,
    EmptyOutput,
    FieldRefused,
    ModelForgotten,
    ModelRefused,
    ModelUnavailable,
    ProviderSilent,
)
from durable_research.ports.vendors.models import CallDeadlines, ModelAnswer, ModelCall
from durable_research.ports.vendors.remote import EarlierSend, RemoteEffect, Shown, own_and_foreign
from durable_research.telemetry import logs as telemetry
from tests.adapters.models.peer import Peer, Request, Scripted, Then, events, head, peer, whole
from tests.logged import captured_lines

PATIENT = CallDeadlines(silence=60, first_byte=60, longest=60)
CALL = ModelCall("Write.", "q", "m")
KEY = "our key"
TEXT = "Tides turn."
TAGS = {"effect_key": KEY, "request_fingerprint": CALL.fingerprint}
GONE = whole({"error": {"message": "no such thing"}}, 404)
Routes = Mapping[str, Scripted]


def routed(routes: Routes) -> Callable[[Request], Scripted]:
    """Answers by method and path; any other request is 404."""
    return lambda request: routes.get(f"{request.method} {request.path.split('?')[0].removeprefix('/v1')}", GONE)


def stored_chat(provider: Peer) -> OpenAIChat:
    return OpenAIChat(
        base_url=provider.url,
        api_key="k",
        model="m",
        provider="p",
        is_demo=False,
        stored=True,
        deadlines=PATIENT,
        settle_seconds=5,
    )


def responses(provider: Peer, deadlines: CallDeadlines = PATIENT, *, keyed: bool = False) -> OpenAIResponses:
    return OpenAIResponses(
        base_url=provider.url, api_key="k", model="m", provider="p", is_demo=False, deadlines=deadlines, keyed=keyed
    )


def earlier(handle: str | None = None) -> EarlierSend:
    return EarlierSend(KEY, handle, datetime.now(UTC))


def silent(text: str) -> None:
    """A TextSink."""


def completion(name: str, tags: Any) -> dict[str, Any]:
    return {"id": name, "choices": [{"message": {"content": TEXT}, "finish_reason": "stop"}], "metadata": tags}


def response(status: str, text: str = TEXT) -> dict[str, Any]:
    content = [{"type": "output_text", "text": text}]
    return {"id": "resp_1", "object": "response", "status": status, "output": [{"type": "message", "content": content}]}


def created() -> dict[str, Any]:
    return {"type": "response.created", "response": {"id": "resp_1", "status": "in_progress", "output": []}}


def delta(text: str = TEXT) -> dict[str, Any]:
    return {"type": "response.output_text.delta", "delta": text}


def closed() -> dict[str, Any]:
    return {"type": "response.completed", "response": response("completed")}


CUT: Scripted = [head() + events(created(), delta("Tides "), done=False), Then.RESET]


# -- one rule for all finders


def test_only_results_with_our_key_and_request_fingerprint_are_ours() -> None:
    shown = [
        Shown("another tenant's", "their key", "print"),
        Shown("another model's", KEY, "another print"),
        Shown("ours", KEY, "print"),
        Shown("nobody's", None),
        Shown("of an older version", KEY),
    ]

    assert own_and_foreign(shown, KEY, "print") == (
        ["ours", "of an older version"],
        ["another tenant's", "another model's", "nobody's"],
    )
    assert own_and_foreign(shown, KEY, None)[0] == ["another model's", "ours", "of an older version"]


@pytest.mark.parametrize("field", ["instructions", "prompt", "model", "so_far", "continuation_prompt"])
def test_the_request_fingerprint_depends_on_every_field_of_the_call(field: str) -> None:
    assert ModelCall(**{**vars(CALL), field: "another"}).fingerprint != CALL.fingerprint
    assert len(CALL.fingerprint) <= 64


def test_the_fingerprint_of_a_call_is_that_of_earlier_releases() -> None:
    call = ModelCall("Write.", "Why do tides differ?", "gpt", "So far", "Go on.")

    assert call.fingerprint == "dfdda0214634cff3c364b882f3b3e660eb89622b8fc1a90bf14444cba629e2e8"


async def test_other_calls_in_an_unfiltered_list_are_ignored_and_logged() -> None:
    listed = [
        completion("theirs", {"effect_key": "their key"}),
        completion("another model's", {**TAGS, "request_fingerprint": "of another model"}),
        completion("without tags", None),
        completion("ours", TAGS),
    ]
    async with peer(routed({"GET /chat/completions": whole({"data": listed, "has_more": False})})) as provider:
        model = stored_chat(provider)
        with captured_lines() as lines:
            found = await model.prepare(CALL, silent).find(earlier())
        await model.close()

    assert found == "ours"
    assert [(one["event"], one["strays"]) for one in lines] == [(telemetry.UNRELATED_ANSWER_SKIPPED.name, 3)]


async def test_a_list_is_read_page_by_page_and_an_endless_one_is_given_up() -> None:
    def paged(request: Request) -> Scripted:
        last = "after=first" in request.path
        page = [completion("ours", TAGS)] if last else [completion("first", None)]
        return whole({"data": page, "has_more": not last})

    async with peer(paged) as provider:
        model = stored_chat(provider)
        assert await model.find_all(earlier()) == ["ours"]
        await model.close()


@pytest.mark.parametrize(
    "page",
    [{"data": None}, {}, [], "x", {"error": "later"}, {"data": {"id": "x"}}],
    ids=["null", "none", "list", "text", "error", "object"],
)
async def test_a_malformed_list_is_an_error_and_no_empty_list(page: Any) -> None:
    async with peer(whole(page)) as provider:
        model = stored_chat(provider)
        with pytest.raises(ModelUnavailable):
            await model.prepare(CALL, silent).find(earlier())
        await model.close()


async def test_items_of_a_conversation_count_only_if_the_conversation_has_our_tags() -> None:
    items = [
        {"id": "msg_0", "type": "message", "role": "user"},
        {"id": "msg_1", "type": "message", "role": "assistant", "content": []},
    ]
    metadata: dict[str, Any] = {**TAGS}
    routes = {"POST /conversations/conv_1/items": whole({}), "GET /conversations/conv_1/items": whole({"data": items})}

    def answer(request: Request) -> Scripted:
        if request.path == "/v1/conversations/conv_1":
            return whole({"id": "conv_1", "metadata": metadata})
        return routed(routes)(request)

    async with peer(answer) as provider:
        model = responses(provider)
        call = model.prepare(CALL, silent)
        assert await call.find(earlier("conv_1")) == "conv_1/msg_1"
        assert await model.find_all(earlier("conv_1")) == ["conv_1/msg_1"]
        metadata["effect_key"] = "another key"
        with captured_lines() as lines:
            assert await call.find(earlier("conv_1")) is None
        assert [one["event"] for one in lines] == [telemetry.UNRELATED_ANSWER_SKIPPED.name]
        metadata.clear()
        with pytest.raises(CannotAsk):
            await call.find(earlier("conv_1"))
        await model.close()


async def test_a_send_is_tagged_with_our_key_and_its_request_fingerprint() -> None:
    async with peer(routed({"POST /conversations": whole({"id": "conv_1"})})) as provider:
        for model in (stored_chat(provider), responses(provider)):
            call = model.prepare(CALL, silent)
            await call.handle(KEY)
            with pytest.raises(ModelRefused):
                await call.send(KEY, None)
            await model.close()

    assert [one.body["metadata"] for one in provider.requests] == [TAGS, TAGS, TAGS]


# -- a server's class


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize("status", [400, 404, 405, 501])
async def test_a_server_without_conversations_has_class_n_for_an_hour(status: int) -> None:
    async with peer(whole({}, status)) as provider:
        model = responses(provider)
        model.wire.limits = ServerLimits(clock := Clock())
        assert (model.provider_class, model.settle_seconds) == (ProviderClass.LOCKED, 1)

        assert await model.prepare(CALL, silent).handle(KEY) is None

        assert (model.provider_class, model.settle_seconds) == (ProviderClass.NOTHING, 0)
        assert await model.prepare(CALL, silent).handle(KEY) is None
        assert len(provider.requests) == 1
        clock.now += 3599
        assert (model.provider_class, model.settle_seconds) == (ProviderClass.NOTHING, 0)
        clock.now += 2
        assert (model.provider_class, model.settle_seconds) == (ProviderClass.LOCKED, 1)
        await model.close()


@pytest.mark.parametrize("status", [400, 404, 405, 501])
async def test_a_server_without_a_list_endpoint_has_class_n(status: int) -> None:
    async with peer(whole({}, status)) as provider:
        model = stored_chat(provider)
        with pytest.raises(CannotAsk):
            await model.prepare(CALL, silent).find(earlier())

        assert model.provider_class is ProviderClass.NOTHING
        await model.close()


@pytest.mark.parametrize("status", [401, 403, 408, 429, 500, 503])
async def test_any_other_error_leaves_the_provider_class_unchanged(status: int) -> None:
    async with peer(whole({}, status)) as provider:
        chat, model = stored_chat(provider), responses(provider)
        for lookup in (chat.prepare(CALL, silent).find(earlier()), model.prepare(CALL, silent).handle(KEY)):
            with pytest.raises(ModelRefused if status in {401, 403} else ModelUnavailable):
                await lookup

        assert (chat.provider_class, model.provider_class) == (ProviderClass.RETRIEVABLE, ProviderClass.LOCKED)
        await chat.close()
        await model.close()


async def test_an_unknown_id_leaves_the_provider_class_unchanged() -> None:
    async with peer(GONE) as provider:
        chat, model = stored_chat(provider), responses(provider)
        for lookup in (
            chat.prepare(CALL, silent).collect("chatcmpl_1"),
            model.prepare(CALL, silent).collect("resp_1"),
            model.prepare(CALL, silent).collect("conv_1/msg_1"),
            model.prepare(CALL, silent).find(earlier("conv_1")),
        ):
            with pytest.raises(ModelForgotten):
                await lookup

        assert (chat.provider_class, model.provider_class) == (ProviderClass.RETRIEVABLE, ProviderClass.LOCKED)
        await chat.close()
        await model.close()


@pytest.mark.parametrize("status", [405, 501])
async def test_a_missing_lookup_endpoint_lowers_the_provider_class_to_n(status: int) -> None:
    async with peer(whole({}, status)) as provider:
        look_ups: list[tuple[Callable[[RemoteEffect[ModelAnswer]], Awaitable[object]], type[Exception]]] = [
            (lambda call: call.find(earlier("conv_1")), CannotAsk),
            (lambda call: call.collect("resp_1"), ModelForgotten),
            (lambda call: call.collect("conv_1/msg_1"), ModelForgotten),
        ]
        for look_up, error in look_ups:
            model = responses(provider)
            with pytest.raises(error):
                await look_up(model.prepare(CALL, silent))
            assert model.provider_class is ProviderClass.NOTHING
            await model.close()


@pytest.mark.parametrize("field", ["conversation", "store", "metadata", "background"])
async def test_a_refused_lookup_field_lowers_the_provider_class_to_n(field: str) -> None:
    def answer(request: Request) -> Scripted:
        if request.body and field in request.body:
            return whole({"error": {"message": f"{field} is not supported", "param": field}}, 400)
        return [head() + events(created(), delta(), closed(), done=False)]

    async with peer(answer) as provider:
        model = responses(provider)
        with pytest.raises(FieldRefused):
            await model.prepare(CALL, silent).send(KEY, "conv_1")

        assert model.provider_class is ProviderClass.NOTHING
        call = model.prepare(CALL, silent)
        assert (await call.collect(await call.send(KEY, await call.handle(KEY)))).text == TEXT
        await model.close()


# -- an accepted response is followed by its id


async def collected(routes: Routes, deadlines: CallDeadlines = PATIENT, *, keyed: bool = False) -> ModelAnswer:
    async with peer(routed(routes)) as provider:
        model = responses(provider, deadlines, keyed=keyed)
        call = model.prepare(CALL, silent)
        try:
            return await call.collect(await call.send(KEY, None))
        finally:
            await model.close()


@pytest.mark.parametrize("keyed", [True, False])
async def test_a_cut_stream_is_completed_by_a_lookup_of_its_id(keyed: bool) -> None:
    routes = {"POST /responses": CUT, "GET /responses/resp_1": whole(response("completed"))}

    assert (await collected(routes, keyed=keyed)).text == TEXT


async def test_a_silent_stream_is_completed_by_a_lookup_of_its_id() -> None:
    scripted: Scripted = [head() + events(created(), done=False), Then.HOLD]
    routes = {"POST /responses": scripted, "GET /responses/resp_1": whole(response("completed"))}

    assert (await collected(routes, CallDeadlines(silence=0.05, first_byte=60, longest=60))).text == TEXT


async def test_a_stream_broken_by_an_error_is_completed_by_a_lookup_of_its_id() -> None:
    scripted = [head() + events(created(), {"type": "error", "message": "the stream broke"})]
    routes = {"POST /responses": scripted, "GET /responses/resp_1": whole(response("completed"))}

    assert (await collected(routes)).text == TEXT


@pytest.mark.parametrize(
    ("shown", "error"),
    [
        (whole(response("in_progress")), StillRunning),
        (whole(response("queued")), StillRunning),
        (whole({}, 500), ModelUnavailable),
        (whole({}, 429), ModelUnavailable),
        ([Then.RESET], ModelUnavailable),
        ([head(kind="text/html") + b"<html>"], ModelUnavailable),
        (whole({"hello": "world"}), ModelUnavailable),
        (whole({}, 401), ModelRefused),
        (GONE, Ambiguous),
        (whole(response("completed", " ")), EmptyOutput),
    ],
    ids=["runs", "queued", "500", "429", "reset", "page", "odd", "401", "404", "empty"],
)
async def test_the_lookup_after_a_cut_stream_decides_the_outcome(shown: Scripted, error: type[Exception]) -> None:
    with pytest.raises(error) as raised:
        await collected({"POST /responses": CUT, "GET /responses/resp_1": shown})
    assert type(raised.value) is error


@pytest.mark.parametrize(("shown", "is_lowered"), [(GONE, True), (whole(response("in_progress")), False)])
async def test_a_server_that_forgets_a_new_id_has_class_n(shown: Scripted, is_lowered: bool) -> None:
    async with peer(routed({"POST /responses": CUT, "GET /responses/resp_1": shown})) as provider:
        model = responses(provider)
        call = model.prepare(CALL, silent)
        reference = await call.send(KEY, None)
        with pytest.raises((Ambiguous, StillRunning)):
            await call.collect(reference)

        assert (model.provider_class is ProviderClass.NOTHING) is is_lowered
        await model.close()


async def test_a_silent_stream_of_a_server_without_lookups_raises_provider_silent() -> None:
    scripted: Scripted = [head() + events(created(), done=False), Then.HOLD]

    with pytest.raises(ProviderSilent):
        await collected({"POST /responses": scripted}, CallDeadlines(silence=0.05, first_byte=60, longest=60))


async def test_with_class_n_a_cut_stream_is_not_looked_up() -> None:
    broken: Scripted = [head() + events(created(), {"type": "error", "message": "gone"})]
    for scripted, error in ((CUT, Ambiguous), (broken, AnswerBroken)):
        async with peer(routed({"POST /responses": scripted})) as provider:
            model = responses(provider)
            model.wire.limits.note_missing_endpoint()
            call = model.prepare(CALL, silent)
            with pytest.raises(error):
                await call.collect(await call.send(KEY, None))
            await model.close()

        assert provider.request_lines == ["POST /v1/responses"]


async def test_a_later_attempt_streams_a_running_call() -> None:
    def answer(request: Request) -> Scripted:
        if "stream=true" in request.path:
            return [head() + events(created(), delta("Tides "), delta("turn."), closed(), done=False)]
        return whole(response("in_progress", ""))

    async with peer(answer) as provider:
        model, shown = responses(provider), list[str]()
        assert (await model.prepare(CALL, shown.append).collect("resp_1")).text == TEXT
        await model.close()

    assert shown[-1] == TEXT


async def test_a_running_call_that_cannot_be_streamed_is_polled() -> None:
    def answer(request: Request) -> Scripted:
        return whole({}, 400) if "stream=true" in request.path else whole(response("in_progress"))

    async with peer(answer) as provider:
        model = responses(provider)
        with pytest.raises(StillRunning):
            await model.prepare(CALL, silent).collect("resp_1")
        await model.close()


async def test_a_call_without_an_id_can_be_read_only_by_its_own_attempt() -> None:
    async with peer([]) as provider:
        model = responses(provider)
        with pytest.raises(AnswerLost):
            await model.prepare(CALL, silent).collect("unnamed-0")
        await model.close()

    assert provider.requests == []


async def test_a_response_id_is_percent_encoded_in_the_address() -> None:
    async with peer(whole(response("completed"))) as provider:
        model = responses(provider)
        await model.prepare(CALL, silent).collect("resp=1?x#y")
        await model.close()

    assert provider.request_lines == ["GET /v1/responses/resp%3D1%3Fx%23y"]


@pytest.mark.parametrize("reference", ["resp_bGl0ZWxsbTp/Y3VzdG9t", "resp_1"])
async def test_a_response_id_with_a_slash_is_not_taken_for_a_conversation_item(reference: str) -> None:
    async with peer(whole(response("completed"))) as provider:
        model = responses(provider)
        assert (await model.prepare(CALL, silent).collect(reference)).reference == reference
        await model.cancel(reference)
        await model.cancel("conv_1/msg_1")
        await model.close()

    assert [one.split("/v1/")[1].split("/")[0] for one in provider.request_lines] == ["responses", "responses"]


async def test_an_html_answer_gives_no_conversation_and_keeps_the_provider_class() -> None:
    async with peer([head(kind="text/html") + b"<html>"]) as provider:
        model = responses(provider)
        assert await model.prepare(CALL, silent).handle(KEY) is None
        assert model.provider_class is ProviderClass.LOCKED
        await model.close()


async def test_a_stored_answer_is_passed_to_the_draft_on_every_collect() -> None:
    async with peer(whole(completion("chatcmpl_1", TAGS))) as provider:
        model, shown = stored_chat(provider), list[str]()
        call = model.prepare(CALL, shown.append)
        await call.collect(await call.send(KEY, None))
        await model.prepare(CALL, shown.append).collect("chatcmpl_1")
        await model.close()

    assert shown == [TEXT, TEXT]
