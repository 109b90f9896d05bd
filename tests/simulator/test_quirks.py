"""Every quirk looks on the wire as its table says: read as bytes, since a client's library would smooth it over."""

import json
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from durable_research.simulator.faults.quirks import QUIRKS
from tests.simulator.outside import MODEL, Simulator

TEXT = "# Tides\n\nThe sea comes and goes 🌊 twice a day, as the moon pulls at it, and so it does everywhere.\n"
PATHS = {
    "chat": "/v1/chat/completions",
    "responses": "/v1/responses",
    "embeddings": "/v1/embeddings",
    "conversations": "/v1/conversations",
    "stored_list": "/v1/chat/completions?metadata[effect_key]=nobody",
}
STREAM = "text/event-stream; charset=utf-8"
JSON = "application/json"


@dataclass(frozen=True)
class Wire:
    """Bytes that an answer must contain, and bytes that it must not."""

    has: tuple[str, ...] = ()
    lacks: tuple[str, ...] = ()
    status: int = 200
    content_type: str = STREAM


@dataclass(frozen=True)
class Answer:
    """The received bytes, and whether the connection was ended or lost."""

    status: int
    content_type: str
    text: str
    was_cut: bool

    @property
    def events(self) -> list[Any]:
        """The JSON of every event that has some."""
        data = [line.removeprefix("data:").strip() for line in self.text.splitlines() if line.startswith("data:")]
        return [json.loads(one) for one in data if one.startswith("{")]

    @property
    def text_of_stream(self) -> str:
        """The text that a stream of either API brought."""
        pieces = [self.delta(event) for event in self.events]
        return "".join(pieces).encode("utf-16", "surrogatepass").decode("utf-16")

    @staticmethod
    def delta(event: Any) -> str:
        """The text of one event."""
        if event.get("type") == "response.output_text.delta":
            return str(event["delta"])
        delta = (event.get("choices") or [{}])[0].get("delta") or {}
        content = delta.get("content") or ""
        parts = content if isinstance(content, list) else [{"type": "text", "text": content}]
        return "".join(part["text"] for part in parts if part["type"] == "text")


def body(api: str, topic: str) -> dict[str, Any]:
    """A request as the product makes it."""
    question = f"{topic}\nECHO: {TEXT}"
    match api:
        case "chat":
            messages = [{"role": "user", "content": question}]
            streamed = {"stream": True, "stream_options": {"include_usage": True}}
            return {"model": MODEL, "messages": messages, "store": True, "metadata": {"a": "b"}, **streamed}
        case "responses":
            return {"model": MODEL, "input": question, "stream": True, "background": True, "store": True}
        case "embeddings":
            return {"model": "simulator-embedding", "input": question, "dimensions": 256, "encoding_format": "float"}
    return {}


async def call_api(http: httpx.AsyncClient, api: str, topic: str, **more: Any) -> Answer:
    method = "GET" if api == "stored_list" else "POST"
    content = None if api == "stored_list" else body(api, topic) | more
    seen, was_cut = b"", False
    async with http.stream(method, PATHS[api], json=content) as answer:
        try:
            async for data in answer.aiter_raw():
                seen += data
        except httpx.RemoteProtocolError:
            was_cut = True
    return Answer(answer.status_code, answer.headers["content-type"], seen.decode(), was_cut)


def refused(status: int, *has: str, content_type: str = JSON) -> Wire:
    return Wire(has, ("chatcmpl-", "resp_"), status, content_type)


NO_TOKENS = ('"prompt_tokens"', '"input_tokens"')
WIRE: dict[str, Wire] = {
    "no_money": refused(402, '"message": "the balance is used up"'),
    "no_quota": refused(429, '"type": "insufficient_quota"', '"code": "insufficient_quota"'),
    "loading": refused(503, '"code": 503', "being loaded"),
    "loading_in_200": refused(200, '"code": 503', "being loaded"),
    "error_in_200": refused(200, '{"error": "no such endpoint"}'),
    "error_event": refused(200, 'data: {"error": {"message": ', "data: [DONE]", content_type="text/event-stream"),
    "page_in_200": refused(200, "<!doctype html>", content_type="text/html; charset=utf-8"),
    "redirected": refused(302, content_type="text/html"),
    "full_context": refused(400, '"code": 400', '"type": "exceed_context_size_error"'),
    "batch_too_small": refused(500, "too large to process"),
    "no_embeddings": refused(501, '"type": "not_supported_error"'),
    "no_conversations": refused(404, "not_found_error"),
    "no_stored_list": refused(404, "not_found_error"),
    "no_stored_list_405": refused(405, "Method Not Allowed"),
    "refuses_stream_options": refused(422, '"loc": ["body", "stream_options"]'),
    "refuses_dimensions": refused(400, "setting dimensions is not supported"),
    "refuses_conversation": refused(400, '"param": "conversation"'),
    "refuses_store": refused(400, '"param": "store"'),
    "refuses_metadata": refused(400, '"param": "metadata"'),
    "refuses_encoding_format": refused(400, '"param": "encoding_format"'),
    "refuses_background": refused(400, '"param": "background"'),
    "finish_error": Wire(('"finish_reason":"error","error":{"code":502', "[DONE]"), ('"stop"',)),
    "error_midway": Wire(('data: {"error": {"message": "the upstream went away"', "[DONE]"), ('"stop"',)),
    "unknown_reason": Wire(('"eclipse"',), ('"stop"', '"completed"')),
    "done_without_reason": Wire(("[DONE]",), ('"stop"',)),
    "content_parts": Wire(('"content":[{"type":"thinking"', '"content":[{"type":"text","text":"# Tides'), ()),
    "content_null": Wire(('"role":"assistant","content":null',)),
    "delta_null": Wire(('"id":"","', '"delta":null')),
    "choices_null": Wire(('"choices":null,"usage":{',), ('"choices":[],',)),
    "usage_total_only": Wire(('"usage"', '"total_tokens"'), NO_TOKENS),
    "usage_as_text": Wire(('"total_tokens": "',)),
    "usage_null": Wire((), (*NO_TOKENS, '"total_tokens"', '"choices":[],')),
    "empty_events": Wire(("data:\n\n",)),
    "comments": Wire((": still working\n\n",)),
    "same_id": Wire(('"id":"chatcmpl-1"', '"stop"')),
    "same_id_error": Wire(('"id":"chatcmpl-1"', '"error"'), ('"stop"',)),
    "completed_without_output": Wire(('"status":"completed"', '"output":[]'), ('"output":[{',)),
    "cut_at_the_end": Wire(('"length"',), ('"stop"',)),
    "cut_at_the_end of responses": Wire(('{"reason":"max_output_tokens"}',), ("response.completed",)),
    "only_reasoning": Wire(('"reasoning_content"', '"length"'), ("Tides", '"stop"')),
    "only_reasoning of responses": Wire(
        ('"type":"reasoning"', '{"reason":"max_output_tokens"}'), ("Tides", "output_text")
    ),
    "reasoning_first": Wire(('"delta":{"reasoning_content":"Let me see. "}', '"stop"')),
    "split_surrogates": Wire(('goes \\ud83c"', '"\\udf0a twice')),
    "ignores_stream": Wire((), ("data:",), content_type=JSON),
    "plain_content_type": Wire(("data: {",), content_type="text/plain; charset=utf-8"),
    "json_content_type": Wire(("data: {",), content_type=JSON),
    "crlf": Wire(("}\r\n\r\n",), ("}\n",)),
    "no_last_blank_line": Wire(("data: {",)),
    "slow": Wire(("data: {",)),
    "silent": Wire(("data: {",)),
    "forgets": Wire(("response.created",), ("response.completed",)),
    "vector_as_text": Wire(('"embedding": "[',), ('"embedding": [',), content_type=JSON),
    "ignores_filter": Wire(('"object": "list"',), content_type=JSON),
}
PAID = ("chat", "responses", "embeddings")
EACH = [(name, api) for name, quirk in QUIRKS.items() for api in sorted(quirk.apis)]
# These answers bring the whole text, whatever else is odd about them.
COMPLETE_STREAMS = [
    (name, api)
    for name, api in EACH
    if api in ("chat", "responses")
    and QUIRKS[name].is_billed
    and QUIRKS[name].outcome == "complete"
    and name not in {"error_midway", "forgets", "ignores_stream"}
]


def set_quirk(simulator: Simulator, name: str, api: str, topic: str, **more: Any) -> None:
    # Not as slow as it is meant, which would prove nothing more.
    quick = {"latency_seconds": 0.0} if name in ("slow", "silent") else {}
    simulator.fault(topic if api in PAID else "*", quirk=name, **quick, **more)


def test_every_quirk_is_tested() -> None:
    assert {name.partition(" of ")[0] for name in WIRE} == set(QUIRKS)


@pytest.mark.parametrize(("name", "api"), EACH)
async def test_each_quirk_has_its_form_on_the_wire(
    simulator: Simulator, http: httpx.AsyncClient, topic: str, name: str, api: str
) -> None:
    needed = {"conversation": (await http.post("/v1/conversations", json={})).json()["id"], "metadata": {"a": "b"}}
    more = {QUIRKS[name].if_field: needed.get(QUIRKS[name].if_field or "", True)} if api == "responses" else {}
    set_quirk(simulator, name, api, topic)

    answer = await call_api(http, api, topic, **{field: value for field, value in more.items() if field})

    expected = WIRE.get(f"{name} of {api}") or WIRE[name]
    content_type = JSON if api == "embeddings" and expected.content_type == STREAM else expected.content_type
    assert (answer.status, answer.content_type) == (expected.status, content_type)
    assert [part for part in expected.has if compact(part) not in compact(answer.text)] == [], answer.text
    assert [part for part in expected.lacks if compact(part) in compact(answer.text)] == [], answer.text


def compact(text: str) -> str:
    """Streams are written without a space after a colon, whole answers with one."""
    return text.replace('": ', '":')


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_the_no_last_blank_line_quirk_ends_after_the_last_line(
    simulator: Simulator, http: httpx.AsyncClient, topic: str, api: str
) -> None:
    simulator.fault(topic, quirk="no_last_blank_line")

    answer = await call_api(http, api, topic)

    assert answer.text.endswith(("data: [DONE]", "}}"))


@pytest.mark.parametrize(("name", "api"), [(name, api) for name, api in EACH if api in PAID])
async def test_each_quirk_is_billed_as_its_table_says(
    simulator: Simulator, http: httpx.AsyncClient, topic: str, name: str, api: str
) -> None:
    set_quirk(simulator, name, api, topic)
    conversation = (await http.post("/v1/conversations", json={})).json()["id"]
    more = {"conversation": conversation, "metadata": {"a": "b"}} if api == "responses" else {}

    await call_api(http, api, topic, **more)

    assert len(simulator.billed(topic)) == QUIRKS[name].is_billed


@pytest.mark.parametrize(("name", "api"), COMPLETE_STREAMS)
async def test_a_stream_with_a_harmless_quirk_holds_the_whole_text(
    simulator: Simulator, http: httpx.AsyncClient, topic: str, name: str, api: str
) -> None:
    set_quirk(simulator, name, api, topic)

    answer = await call_api(http, api, topic)

    assert answer.text_of_stream == TEXT


@pytest.mark.parametrize("name", [name for name, quirk in QUIRKS.items() if quirk.if_field])
async def test_a_refused_field_is_no_error_when_it_is_not_sent(
    simulator: Simulator, http: httpx.AsyncClient, topic: str, name: str
) -> None:
    api = sorted(QUIRKS[name].apis)[0]
    set_quirk(simulator, name, api, topic, times=9)

    answer = await call_api(http, api, topic, **{QUIRKS[name].if_field or "": None})

    assert answer.status == 200
    assert len(simulator.billed(topic)) == 1


async def test_a_quirk_fires_from_its_call_on_for_its_number_of_times(
    simulator: Simulator, http: httpx.AsyncClient, topic: str
) -> None:
    simulator.fault(topic, quirk="loading", call=2, times=2)

    assert [(await call_api(http, "chat", topic)).status for _ in range(4)] == [200, 503, 503, 200]


async def test_the_loading_quirk_can_have_a_retry_after_header(
    simulator: Simulator, http: httpx.AsyncClient, topic: str
) -> None:
    simulator.fault(topic, quirk="loading", retry_after=7)

    answer = await http.post(PATHS["chat"], json=body("chat", topic))

    assert answer.headers["retry-after"] == "7"


async def test_the_redirected_quirk_has_a_location_header(
    simulator: Simulator, http: httpx.AsyncClient, topic: str
) -> None:
    simulator.fault(topic, quirk="redirected")

    answer = await http.post(PATHS["chat"], json=body("chat", topic))

    assert answer.headers["location"] == "/signing-in"


@pytest.mark.parametrize(
    ("impossible", "words"),
    [
        ({"quirk": "eclipse"}, "there is no such quirk"),
        ({"quirk": "loading", "fault": "503"}, "not both"),
    ],
)
async def test_an_impossible_quirk_is_refused(http: httpx.AsyncClient, impossible: dict[str, str], words: str) -> None:
    answer = await http.post("/control/faults", json={"match": "anything", **impossible})

    assert answer.status_code == 422
    assert words in answer.text


async def test_a_quirk_does_not_affect_other_apis(simulator: Simulator, http: httpx.AsyncClient, topic: str) -> None:
    simulator.fault(topic, quirk="delta_null")

    assert (await call_api(http, "responses", topic)).status == 200
    assert '"delta":null' in (await call_api(http, "chat", topic)).text


async def test_the_slow_quirk_sends_one_piece_per_second(
    simulator: Simulator, http: httpx.AsyncClient, topic: str
) -> None:
    simulator.fault(topic, quirk="slow")
    began = time.monotonic()

    answer = await call_api(http, "chat", topic)

    pieces = [event for event in answer.events if Answer.delta(event)]
    assert time.monotonic() - began >= len(pieces)


async def test_the_silent_quirk_delays_the_headers(simulator: Simulator, http: httpx.AsyncClient, topic: str) -> None:
    simulator.fault(topic, quirk="silent", latency_seconds=0.5)
    began = time.monotonic()

    async with http.stream("POST", PATHS["responses"], json=body("responses", topic)):
        silence = time.monotonic() - began

    assert silence >= 0.5


async def test_a_forgotten_id_is_not_found_and_its_connection_was_cut(
    simulator: Simulator, http: httpx.AsyncClient, topic: str
) -> None:
    simulator.fault(topic, quirk="forgets")

    answer = await call_api(http, "responses", topic)

    known = await http.get(f"{PATHS['responses']}/{answer.events[0]['response']['id']}")
    assert (answer.was_cut, known.status_code) == (True, 404)


async def test_the_ignores_filter_quirk_lists_other_completions(
    simulator: Simulator, http: httpx.AsyncClient, topic: str
) -> None:
    await call_api(http, "chat", topic, stream=False)
    simulator.fault("*", quirk="ignores_filter")

    shown = json.loads((await call_api(http, "stored_list", topic)).text)
    filtered = json.loads((await call_api(http, "stored_list", topic)).text)

    assert (bool(shown["data"]), filtered["data"]) == (True, [])


@pytest.mark.parametrize("api", ["chat", "responses"])
async def test_an_unstreamed_answer_has_the_same_quirk(
    simulator: Simulator, http: httpx.AsyncClient, topic: str, api: str
) -> None:
    simulator.fault(topic, quirk="unknown_reason")

    answer = await call_api(http, api, topic, stream=False, background=False, stream_options=None)

    assert '"eclipse"' in answer.text


async def test_the_control_api_lists_every_quirk_with_its_meaning(http: httpx.AsyncClient) -> None:
    listed = (await http.get("/control/quirks")).json()

    assert listed.keys() == QUIRKS.keys()
    assert listed["no_money"] == {
        "says": "the account is empty: 402",
        "source": "continue#9942, intel#124",
        "apis": ["chat", "embeddings", "responses"],
        "billed": False,
    }


def test_the_documentation_lists_every_quirk() -> None:
    page = (Path(__file__).parents[2] / "docs" / "quirks.md").read_text()

    rows = [
        f"| `{name}` | {one.description} | {', '.join(sorted(one.apis))} | {'yes' if one.is_billed else 'no'} | {one.source} |"
        for name, one in QUIRKS.items()
    ]
    assert [line for line in page.splitlines() if line.startswith("| `")] == rows


@pytest.fixture
def killed(tmp_path: Path) -> Iterator[Simulator]:
    simulator = Simulator(tmp_path / "witness.jsonl")
    yield simulator
    simulator.end(signal.SIGKILL)


async def test_a_quirk_survives_a_kill_of_the_simulator(killed: Simulator) -> None:
    killed.fault("tides", quirk="loading", times=3)
    killed.fault("tides", quirk="unknown_reason", call=4)
    async with killed.http() as http:
        before = (await call_api(http, "responses", "tides")).status
    killed.end(signal.SIGKILL)
    killed.start()

    async with killed.http() as http:
        after = [(await call_api(http, "responses", "tides")).status for _ in range(2)]
        odd = await call_api(http, "responses", "tides")

    assert [before, *after] == [503, 503, 503]
    assert '"eclipse"' in odd.text


async def test_a_stream_resumed_after_a_kill_has_the_same_quirk(killed: Simulator) -> None:
    killed.fault("tides", quirk="completed_without_output")
    async with killed.http() as http:
        before = await call_api(http, "responses", "tides")
    killed.end(signal.SIGKILL)
    killed.start()

    async with killed.http() as http:
        id = before.events[0]["response"]["id"]
        again = await http.get(f"{PATHS['responses']}/{id}", params={"stream": "true"})

    assert again.text == before.text
