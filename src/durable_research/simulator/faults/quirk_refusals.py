"""Quirks that refuse a call: the answers sent instead, unbilled. The sources are as in `quirks.py`."""

from durable_research.simulator.faults.quirk_forms import PAID, TEXT, Api, Quirk, Replacement

_RESPONSES: frozenset[Api] = frozenset({"responses"})
_EMBEDDINGS: frozenset[Api] = frozenset({"embeddings"})


def _error(status: int, message: str, kind: str | None = None, code: str | int | None = None) -> Replacement:
    return Replacement(status, {"error": {"message": message, "type": kind, "code": code}})


def _unknown_field(name: str) -> Replacement:
    sent = {"message": f"Unknown parameter: '{name}'.", "type": "invalid_request_error", "code": "unknown_parameter"}
    return Replacement(400, {"error": {**sent, "param": name}})


REFUSALS: dict[str, Quirk] = {
    "no_money": Quirk(
        "the account is empty: 402",
        "continue#9942, intel#124",
        PAID,
        _error(402, "the balance is used up", "unknown_error", "invalid_request_error"),
    ),
    "no_quota": Quirk(
        "the quota is used up: 429, named insufficient_quota, and waiting does not help",
        "langchainjs#1929, codex PR 6340",
        PAID,
        _error(429, "the quota is used up", "insufficient_quota", "insufficient_quota"),
    ),
    "loading": Quirk(
        "the model is still being loaded: 503",
        "llama-swap#146, Second-Me#20",
        PAID,
        _error(503, "the model is being loaded", "unavailable_error", 503),
    ),
    "loading_in_200": Quirk(
        "the model is still being loaded, which is said with status 200",
        "the same by way of a gateway; own",
        PAID,
        _error(200, "the model is being loaded", "unavailable_error", 503),
    ),
    "error_in_200": Quirk(
        "the base address is wrong, and the answer is an error with status 200",
        "lmstudio#618, vault-operator#73",
        PAID,
        Replacement(200, {"error": "no such endpoint"}),
    ),
    "error_event": Quirk(
        "the first event of a stream is a refusal",
        "vLLM's and LiteLLM's streams; own",
        TEXT,
        Replacement(
            200,
            'data: {"error": {"message": "the model does not exist", "type": "invalid_request_error", "code": 404}}\n\n'
            "data: [DONE]\n\n",
            "text/event-stream",
        ),
    ),
    "page_in_200": Quirk(
        "something else listens at the address, and answers with a page of HTML",
        "lmstudio#618",
        PAID,
        Replacement(200, "<!doctype html><title>Welcome</title><p>It works.</p>", "text/html; charset=utf-8"),
    ),
    "redirected": Quirk(
        "a proxy sends to its page for signing in: 302",
        "gateways behind a single sign-on; own",
        PAID,
        Replacement(302, "", "text/html", {"location": "/signing-in"}),
    ),
    "full_context": Quirk(
        "the context is full: 400, whose code is a number and whose type is the name",
        "llama.cpp, seen",
        TEXT,
        _error(400, "request (9783 tokens) exceeds the available context size", "exceed_context_size_error", 400),
    ),
    "batch_too_small": Quirk(
        "the text is longer than what is embedded at once: 500",
        "llama.cpp, seen",
        _EMBEDDINGS,
        _error(500, "input (1002 tokens) is too large to process", "server_error", 500),
    ),
    "no_embeddings": Quirk(
        "the server was started without embeddings: 501",
        "llama.cpp, seen",
        _EMBEDDINGS,
        _error(501, "This server does not support embeddings.", "not_supported_error", 501),
    ),
    "no_conversations": Quirk(
        "there are no conversations: 404",
        "llama.cpp, LiteLLM and aimock, seen",
        frozenset({"conversations"}),
        _error(404, "File Not Found", "not_found_error", 404),
    ),
    "no_stored_list": Quirk(
        "what was stored cannot be listed: 404",
        "llama.cpp and aimock, seen",
        frozenset({"stored_list"}),
        _error(404, "File Not Found", "not_found_error", 404),
    ),
    "no_stored_list_405": Quirk(
        "what was stored cannot be listed: 405",
        "LiteLLM, seen",
        frozenset({"stored_list"}),
        Replacement(405, {"detail": "Method Not Allowed"}),
    ),
    "refuses_stream_options": Quirk(
        "`stream_options` is not known: 422 that names it",
        "openai-agents-python#442, avante#2347",
        frozenset({"chat"}),
        Replacement(
            422,
            {"detail": [{"type": "extra_forbidden", "loc": ["body", "stream_options"], "msg": "Extra input"}]},
        ),
        if_field="stream_options",
    ),
    "refuses_dimensions": Quirk(
        "`dimensions` cannot be given: 400 whose message names it",
        "LiteLLM, seen",
        _EMBEDDINGS,
        _error(400, "UnsupportedParamsError: setting dimensions is not supported", "None", "400"),
        if_field="dimensions",
    ),
    **{
        f"refuses_{name}": Quirk(
            f"`{name}` is not known: 400 that names it",
            "servers with a part of the API; own",
            apis,
            _unknown_field(name),
            if_field=name,
        )
        for name, apis in (
            ("encoding_format", _EMBEDDINGS),
            ("conversation", _RESPONSES),
            ("store", TEXT),
            ("metadata", TEXT),
            ("background", _RESPONSES),
        )
    },
}
