"""The findings of `doctor` about the model provider, at no cost: its availability, its models, and lost calls."""

import difflib
from collections.abc import Iterator

from durable_research.cli.operator.doctor.findings import Finding, address
from durable_research.cli.operator.doctor.model_list import ModelList, ModelListUnavailable, fetch_models
from durable_research.cli.shared.terminal import clean
from durable_research.domain.wording import plural
from durable_research.settings.settings import Settings

_SIMILAR_NAMES = 3
# The handling of a call whose answer was lost, by OPENAI_API; docs/guides/models.md has the details.
_LOST_ANSWER = {
    "responses": "class L: the provider is asked by the call's conversation, and nothing is paid twice. A server without "
    "conversations is class N: {nothing}",
    "responses-keyed": "class K: it is sent again with the same key, and nothing is paid twice where the server honours "
    "Idempotency-Key",
    "chat-stored": "class R: it is searched among the stored answers, for DURABLE_RESEARCH_SETTLE_SECONDS ({settle:g}), which "
    "must be longer than your slowest answer: else it is paid twice. A server that stores nothing is class N: {nothing}",
    "chat": "class N: {nothing}",
}
_NO_LOOKUP = {
    "bounded": "nobody can be asked, so it is sent once more and counted as a possible second charge",
    "never": "nobody can be asked, and it is never sent again: the report fails",
    "ask": "nobody can be asked, so the report waits for a person to decide",
}


def examine_provider(settings: Settings) -> Iterator[Finding]:
    """The provider, its models and the consequences of its API; without a paid call."""
    if settings.provider == "simulator":
        yield Finding("provider", True, "simulator: texts are labelled as demo text and cost nothing")
        return
    if not settings.openai_api_key:
        where = f"{settings.openai_model} at {address(settings.openai_base_url)}"
        remedy = "set OPENAI_API_KEY; `durable-research up` uses the simulator without one"
        yield Finding("provider", False, f"{where}, but there is no key", remedy, matters=False)
        return
    try:
        models = fetch_models(settings.openai_base_url, settings.openai_api_key.get_secret_value())
    except ModelListUnavailable as error:
        yield Finding("provider", False, f"{error}; no call was paid", error.remedy, matters=error.matters)
    else:
        where = address(settings.openai_base_url)
        count = plural(len(models.names), "model")
        yield Finding("provider", True, f"{where} takes the key and lists {count}; no call was paid")
        yield _model("model", "OPENAI_MODEL", settings.openai_model, models, settings)
        if not settings.openai_embedding_base_url or not settings.openai_embedding_model:
            yield _model("embeddings", "OPENAI_EMBEDDING_MODEL", settings.openai_embedding_model, models, settings)
    if settings.openai_embedding_base_url and settings.openai_embedding_model:
        yield _embeddings_elsewhere(settings, settings.openai_embedding_base_url)
    no_lookup = _NO_LOOKUP[settings.model_resend]
    yield Finding(
        "lost answers",
        True,
        _LOST_ANSWER[settings.openai_api].format(nothing=no_lookup, settle=settings.settle_seconds),
    )


def _embeddings_elsewhere(settings: Settings, url: str) -> Finding:
    """The same, at a separate address; reports and posts do not require it."""
    from durable_research.bootstrap.adapters import NO_KEY

    key = settings.openai_embedding_api_key
    try:
        models = fetch_models(url, key.get_secret_value() if key else NO_KEY)
    except ModelListUnavailable as error:
        remedy = error.remedy.replace("OPENAI_", "OPENAI_EMBEDDING_")
        return Finding("embeddings", False, f"{error}; no call was paid", remedy, matters=False)
    return _model("embeddings", "OPENAI_EMBEDDING_MODEL", settings.openai_embedding_model, models, settings)


def _model(name: str, setting: str, model: str, models: ModelList, settings: Settings) -> Finding:
    """Whether the model is offered; a post or report requires the model that writes, not its embedding."""
    if not model:
        return Finding(name, True, f"off: {setting} is empty")
    found = models.named(model)
    if found:
        length = models.contexts.get(found)
        context = f", {length:,} tokens of context" if length else ""
        return Finding(name, True, f"{clean(model)} is offered{context}")
    similar = difflib.get_close_matches(model, models.names, _SIMILAR_NAMES) or models.names[:_SIMILAR_NAMES]
    remedy = (
        f"set {setting} to one that is offered, such as: {clean(', '.join(similar))}" if similar else f"check {setting}"
    )
    text = f"{clean(model)} is not among them"
    if models.accepts_any_name:
        text += ", and llama.cpp's server takes any name"
    if settings.provider == "azure":
        text += ", and Azure lists models, not your deployments"
    matters = name == "model" and not models.accepts_any_name and settings.provider != "azure"
    return Finding(name, False, text, remedy, matters)
