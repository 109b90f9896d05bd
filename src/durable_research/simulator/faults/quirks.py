"""Quirks of real providers, one entry each: odd behaviour from public reports, for fault injection in tests.

Here are changes of a normal answer (`quirk_edits.py`); answers that replace one are in `quirk_refusals.py`. A name such
as `claudexor#144` is an issue on GitHub, read 2026-11-28 as others quote it; "seen" means that a server of that name
did so here on that day.
"""

from durable_research.simulator.faults import quirk_edits as change
from durable_research.simulator.faults.quirk_forms import NORMAL, PAID, TEXT, Api, Quirk
from durable_research.simulator.faults.quirk_refusals import REFUSALS
from durable_research.simulator.generation.generation import Generation, timed_chunks
from durable_research.simulator.generation.streaming import Framing

_CHAT: frozenset[Api] = frozenset({"chat"})
_RESPONSES: frozenset[Api] = frozenset({"responses"})
_DONE = "data: [DONE]"


_CHANGED_ANSWERS: dict[str, Quirk] = {
    "finish_error": Quirk(
        "what stands behind a router dies in mid-answer: the last choice's reason is error",
        "claudexor#144, pi#9002",
        _CHAT,
        outcome="truncated",
        edits=(change.upstream_error,),
    ),
    "error_midway": Quirk(
        "an event that is an error breaks the stream off",
        "vLLM's and LiteLLM's streams; own",
        _CHAT,
        rewrites=(
            change.first_half_then('data: {"error": {"message": "the upstream went away", "code": 502}}', _DONE),
        ),
    ),
    "unknown_reason": Quirk(
        "the answer stops halfway for a reason that nobody has heard of",
        "the kind of claudexor#144; own",
        TEXT,
        outcome="truncated",
        edits=(change.finish_reason("eclipse"),),
    ),
    "done_without_reason": Quirk(
        "the text is whole, [DONE] comes, and no choice has a reason",
        "oh-my-pi#9433, litellm PR 42140",
        _CHAT,
        edits=(change.finish_reason(None),),
    ),
    "content_parts": Quirk(
        "the content is a list of parts, some of them reasoning",
        "litellm#16272, gptel#1035",
        _CHAT,
        edits=(change.chat_text(lambda text: text if isinstance(text, list) else [{"type": "text", "text": text}]),),
        rewrites=(
            change.reasoning(
                "content", lambda text: [{"type": "thinking", "thinking": [{"type": "text", "text": text}]}]
            ),
        ),
    ),
    "content_null": Quirk(
        "the chunk that brings the role has no text: null",
        "llama.cpp, seen",
        _CHAT,
        edits=(change.null_first_text,),
    ),
    "delta_null": Quirk(
        "the asynchronous filter's chunks have a delta of null",
        "eneo PR 126, bagofwords PR 742",
        _CHAT,
        rewrites=(change.null_delta,),
    ),
    "choices_null": Quirk(
        "the chunk that tells the tokens has choices of null",
        "pydantic-ai#5165, litellm#4429",
        _CHAT,
        edits=(change.null_choices,),
        reports_usage=True,
    ),
    "usage_total_only": Quirk(
        "of the tokens only their sum is told",
        "vercel/ai#2763, aisix#474",
        PAID,
        edits=(change.usage(lambda sent: {"total_tokens": sent["total_tokens"]}),),
        reports_usage=True,
    ),
    "usage_as_text": Quirk(
        "the numbers of tokens are texts",
        "the kind of vercel/ai#2763; own",
        PAID,
        edits=(change.usage(lambda sent: {name: str(number) for name, number in sent.items()}),),
        reports_usage=True,
    ),
    "usage_null": Quirk(
        "the tokens are null throughout",
        "inspect_ai PR 4694",
        PAID,
        edits=(change.usage(lambda _: None),),
        rewrites=(change.without(change.is_usage_only),),
    ),
    "empty_events": Quirk(
        "events without data keep the connection alive",
        "openai-python PR 2721, AstrBot#403",
        TEXT,
        rewrites=(change.keepalives("data:"),),
    ),
    "comments": Quirk(
        "comments keep the connection alive",
        "routers' documents; own",
        TEXT,
        rewrites=(change.keepalives(": still working"),),
    ),
    "same_id": Quirk(
        "every completion has the same id",
        "ogx#2315, ollama PR 15089, lmdeploy PR 4707",
        _CHAT,
        edits=(change.fixed_id("chatcmpl-1"),),
    ),
    "same_id_error": Quirk(
        "as same_id, and what stands behind the server fails",
        "the same",
        _CHAT,
        outcome="truncated",
        edits=(change.fixed_id("chatcmpl-1"), change.upstream_error),
    ),
    "completed_without_output": Quirk(
        "the deltas hold the text, and the event that closes the response none of it",
        "new-api#4362, hermes PR 5741",
        _RESPONSES,
        edits=(change.without_output,),
    ),
    "cut_at_the_end": Quirk(
        "the answer is whole, and said to be cut at its longest",
        "own; hermes#83915 is near",
        TEXT,
        edits=(change.finish_reason("length"),),
    ),
    "only_reasoning": Quirk(
        "the whole length went into reasoning: no text, and cut at its longest",
        "hermes#83915, cynative#273",
        TEXT,
        outcome="empty",
        edits=(change.finish_reason("length"), change.reasoning_output),
        rewrites=(change.without(change.is_text_event), change.reasoning("reasoning_content", str)),
    ),
    "reasoning_first": Quirk(
        "the reasoning is streamed before the text",
        "the kind of hermes#83915; own",
        _CHAT,
        rewrites=(change.reasoning("reasoning_content", str),),
    ),
    "split_surrogates": Quirk(
        "the two halves of an emoji come in two chunks",
        "elizaOS#30904, rakazo#416",
        TEXT,
        rewrites=(change.split_surrogates,),
    ),
    "ignores_stream": Quirk(
        "a stream is asked for, and one JSON comes", "aimock's kind; own", TEXT, ignores_stream=True
    ),
    "plain_content_type": Quirk(
        "the stream is called text/plain", "gateways' kind; own", TEXT, content_type="text/plain; charset=utf-8"
    ),
    "json_content_type": Quirk(
        "the stream is called application/json", "gateways' kind; own", TEXT, content_type="application/json"
    ),
    "crlf": Quirk("lines end with CR and LF", "servers in .NET; own", TEXT, framing=Framing("\r\n")),
    "no_last_blank_line": Quirk(
        "the connection ends right after the last event's line",
        "hand-made servers; own",
        TEXT,
        framing=Framing(has_last_blank_line=False),
    ),
    "slow": Quirk("one chunk a second", "aimock's streaming profile and small machines, seen", TEXT, chunk_seconds=1.0),
    "silent": Quirk(
        "no header and no byte before the first token, which takes its time",
        "llama.cpp with its slots busy, seen",
        TEXT,
        first_byte_delay_seconds=25.0,
    ),
    "forgets": Quirk(
        "the connection is lost in mid-answer, and nothing is known of the accepted call any more",
        "llama.cpp and LiteLLM, seen",
        _RESPONSES,
        loses_call=True,
    ),
    "vector_as_text": Quirk(
        "the vector is the text of a list", "LiteLLM, seen", frozenset({"embeddings"}), edits=(change.vector_as_text,)
    ),
    "ignores_filter": Quirk(
        "the list of what was stored ignores by what it is to be filtered",
        "servers with a part of the API; own",
        frozenset({"stored_list"}),
        ignores_filter=True,
    ),
}

QUIRKS = REFUSALS | _CHANGED_ANSWERS


def quirk_of(generation: Generation) -> Quirk:
    """The quirk of an accepted call; one without effect if it has none."""
    return QUIRKS[generation.quirk] if generation.quirk else NORMAL


def with_quirk_delay(generation: Generation) -> Generation:
    """The same call, with the delays of its quirk."""
    seconds = quirk_of(generation).chunk_seconds * len(timed_chunks(generation))
    return generation.model_copy(update={"latency": seconds}) if seconds else generation
