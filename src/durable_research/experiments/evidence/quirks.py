"""The expected outcome of a report or post under a provider quirk: one entry for each quirk, or for some in a row.

The charges are those of the provider's log when nothing else happens. Where the report must fail, every call has the quirk:
its end does not depend on which call was lost with its worker.
"""

import random
from dataclasses import dataclass
from typing import Any

Json = dict[str, Any]

STREAMED = frozenset({"chat", "responses", "responses-keyed"})
ANY_API = STREAMED | {"chat-stored"}
_CHAT = frozenset({"chat"})
_ANY_CHAT = frozenset({"chat", "chat-stored"})
_RESPONSES = frozenset({"responses", "responses-keyed"})
_POST = "blog-post"
_WRONG_ADDRESS = "OPENAI_BASE_URL"
_ALWAYS = 1_000_000


@dataclass(frozen=True)
class Expected:
    """One quirk, for the simulator's control API; the caller passes the text by which calls are matched.

    `apis` are values of OPENAI_API. A quirk from which the process learns about the server has a later stage than a quirk
    that must not meet this knowledge.
    """

    name: str
    faults: tuple[Json, ...]
    apis: frozenset[str] = ANY_API
    pipeline: str = "generate-report"
    status: str = "done"
    error: str | None = None
    or_error: str | None = None  # the error instead, when a process is killed meanwhile
    names: str = ""  # what the error must name
    billed: int = 1  # calls of the quirk's kind: for a post, embeddings
    possible_extra: int = 0  # of the reported charges; the others are reported as settled
    counted: int = 0  # failures that may count against a cap before the end
    is_estimate: bool = False
    is_cut: bool = False
    stage: int = 0
    first: str | None = None  # the quirk by which it fails before it is resumed; its charges are those of both

    def allows_end(self, status: str | None, error: str | None) -> bool:
        """Whether this end is an allowed one."""
        or_failed = self.or_error is not None and (status, error) == ("failed", self.or_error)
        return or_failed or (status, error) == (self.status, self.error)

    @property
    def most_counted(self) -> int:
        """Failures that may count against a cap where it is to be done, with the final one that may occur instead."""
        return self.counted + (self.or_error is not None)

    @property
    def ends_unattended(self) -> bool:
        """Whether it ends without a person's decision, and only the calls of one report meet it."""
        return self.status != "waiting_for_you" and all("match" not in one for one in self.faults)

    @property
    def kind(self) -> str:
        """The simulator's kind of the calls that meet it."""
        return "embedding" if self.pipeline == _POST else "model_call"

    def fault_requests(self, match: str) -> list[Json]:
        """The bodies to post to the simulator's `/control/faults`."""
        return [{"match": match, "kind": self.kind, **one} for one in self.faults]


def _quirk(name: str, **options: Any) -> tuple[Json, ...]:
    return ({"quirk": name, **options},)


def _refused(name: str, error: str, names: str = "", apis: frozenset[str] = ANY_API) -> Expected:
    faults = _quirk(name, times=_ALWAYS)
    return Expected(name, faults, apis, status="failed", error=error, names=names, billed=0)


def _paid_without_result(name: str, error: str) -> Expected:
    return Expected(name, _quirk(name, times=_ALWAYS), status="failed", error=error)


def _done(*names: str, apis: frozenset[str] = STREAMED, **more: Any) -> list[Expected]:
    return [Expected(name, _quirk(name), apis, **more) for name in names]


_REPORTS: tuple[Expected, ...] = (
    _refused("no_money", "quota_exhausted"),
    _refused("no_quota", "quota_exhausted"),
    _refused("error_in_200", "model_refused", _WRONG_ADDRESS),
    _refused("error_event", "model_refused", apis=STREAMED),
    _refused("page_in_200", "model_refused", _WRONG_ADDRESS),
    _refused("redirected", "model_refused"),
    _refused("full_context", "model_too_large"),
    # Ready at the fifth request, as in the public report.
    Expected("loading", _quirk("loading", times=4)),
    Expected("loading_in_200", _quirk("loading_in_200", times=2)),
    Expected("finish_error", _quirk("finish_error"), _ANY_CHAT, billed=2, counted=1),
    Expected("error_midway", _quirk("error_midway"), _CHAT, billed=2, counted=1),
    _paid_without_result("unknown_reason", "model_stopped"),
    _paid_without_result("only_reasoning", "only_reasoning"),
    Expected(
        "same_id",
        ({"quirk": "same_id_error"}, {"quirk": "same_id", "call": 2}),
        _ANY_CHAT,
        billed=2,
        counted=1,
    ),
    Expected(
        "cut_then_nothing",
        ({"quirk": "cut_at_the_end"}, {"fault": "empty", "call": 2}),
        billed=2,
        counted=1,  # when the beginning is lost, the first call itself gets the empty answer
        is_cut=True,
    ),
    Expected(
        "cut_then_full_context",
        ({"fault": "truncated"}, {"quirk": "full_context", "call": 2, "times": _ALWAYS}),
        is_cut=True,
        # A beginning that was lost is requested again, and that call is refused.
        or_error="model_too_large",
    ),
    *_done("usage_total_only", "usage_null", apis=ANY_API, is_estimate=True),
    *_done("usage_as_text", apis=ANY_API),
    *_done("empty_events", "comments", "split_surrogates", "ignores_stream", "crlf", "no_last_blank_line"),
    *_done("plain_content_type", "json_content_type"),
    *(Expected(name, _quirk(name, latency_seconds=20.0), STREAMED) for name in ("slow", "silent")),
    *_done("content_parts", apis=_ANY_CHAT),
    *_done("done_without_reason", "content_null", "delta_null", "choices_null", "reasoning_first", apis=_CHAT),
    *_done("completed_without_output", apis=_RESPONSES),
    # A server that forgets the id it has just sent stores nothing, so that no later call can be polled either.
    Expected("forgets", _quirk("forgets"), frozenset({"responses"}), billed=2, counted=1, stage=1),
    Expected("refuses_stream_options", _quirk("refuses_stream_options", times=_ALWAYS), _CHAT, stage=1),
    *(
        Expected(f"refuses_{field}", _quirk(f"refuses_{field}", times=_ALWAYS), apis, stage=1)
        for field, apis in (
            ("conversation", frozenset({"responses"})),
            ("background", _RESPONSES),
            ("store", _RESPONSES | {"chat-stored"}),
            ("metadata", _RESPONSES | {"chat-stored"}),
        )
    ),
)
# Servers with a part of the API. A call lost at a server that cannot be polled is sent once more, and counted.
_LOST: Json = {"fault": "cut"}
_PARTS: tuple[Expected, ...] = (
    Expected(
        "ignores_filter",
        ({"quirk": "ignores_filter", "match": "*", "kind": "stored_list", "times": _ALWAYS}, _LOST),
        frozenset({"chat-stored"}),
    ),
    *(
        Expected(
            name,
            ({"quirk": name, "match": "*", "kind": kind, "times": _ALWAYS}, _LOST),
            frozenset({api}),
            billed=2,
            possible_extra=1,
            stage=2,
        )
        for name, kind, api in (
            ("no_conversations", "conversation", "responses"),
            ("no_stored_list", "stored_list", "chat-stored"),
        )
    ),
)
_POSTS: tuple[Expected, ...] = (
    *_done("usage_total_only", "usage_as_text", "usage_null", "vector_as_text", apis=ANY_API, pipeline=_POST),
    Expected("loading", _quirk("loading", times=4), pipeline=_POST),
    # Compensation would discard a paid post, so a person decides.
    *(
        Expected(name, _quirk(name, times=_ALWAYS), pipeline=_POST, status="waiting_for_you", billed=0)
        for name in ("no_embeddings", "batch_too_small", "no_money", "error_in_200")
    ),
    *(
        Expected(name, _quirk(name, times=_ALWAYS), pipeline=_POST, stage=1)
        for name in ("refuses_dimensions", "refuses_encoding_format")
    ),
)
EXPECTED = _REPORTS + _PARTS + _POSTS


def draw_quirk(rng: random.Random, api: str, pipeline: str) -> Expected | None:
    """A random quirk that this API can meet without a person's help; sometimes None."""
    candidates = [
        one
        for one in EXPECTED
        if api in one.apis and one.pipeline == pipeline and not one.stage and one.ends_unattended
    ]
    return rng.choice([*candidates, None])
