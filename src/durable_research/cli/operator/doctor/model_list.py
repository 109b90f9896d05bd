"""What a model provider offers, by `GET /models`: the one question about it that costs nothing anywhere."""

import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from durable_research.cli.operator.doctor.findings import address
from durable_research.cli.shared.terminal import clean, shorten

_SHORTEST_KEY = 7
_SECONDS = 10.0
_LONGEST = 4 << 20
_LONGEST_WORDS = 200
_ADDRESS = "check OPENAI_BASE_URL, and that the server runs; HTTPS_PROXY, if you need one"
# How servers tell the length that a model can read and write: OpenRouter and others, vLLM, Groq, LM Studio.
_CONTEXT = ("context_length", "max_model_len", "context_window", "max_context_length")
_CONTEXT_OF_LLAMA = ("n_ctx", "n_ctx_train")  # in its `meta`; the first is what a call gets
_TAKES_ANY_NAME = "llamacpp"  # it serves one model, whatever it is called


class NoList(Exception):
    """The provider gave none; `mend` says what to do, and `matters` whether no report can be written like this."""

    def __init__(self, words: str, mend: str, *, matters: bool = True) -> None:
        super().__init__(words)
        self.mend = mend
        self.matters = matters


@dataclass(frozen=True)
class ModelList:
    """The names of the models, aliases among them, and how long a context each has, where that is told."""

    names: tuple[str, ...]
    contexts: dict[str, int] = field(default_factory=dict)
    takes_any_name: bool = False

    def named(self, model: str) -> str | None:
        """The name in the list that a model has, or None: Ollama's `:latest` and Gemini's `models/` may be left out."""
        return next((name for name in self.names if _plain(name) == _plain(model)), None)


def ask(base_url: str, key: str) -> ModelList:
    """Ask for the list.

    Raises:
        NoList: with what was answered instead, without the key, and how to mend it.
    """
    status, headers, body = _get(f"{base_url.rstrip('/')}/models", key)
    if status == 200:
        return _read(base_url, body)
    words = f"HTTP {status}" + (f": {said}" if (said := _words(body, key)) else "")
    where = address(base_url)
    if status in {401, 403}:
        raise NoList(f"{where} refuses the key ({words})", "check OPENAI_API_KEY")
    if 300 <= status < 400:
        there = urljoin(f"{base_url.rstrip('/')}/models", headers.get("location", ""))
        elsewhere = clean(address(there)).removesuffix("/models")
        raise NoList(f"{where} leads elsewhere ({words})", f"set OPENAI_BASE_URL to where the API is: {elsewhere}")
    if status in {404, 405, 501}:
        mend = "nothing, if it is a server without a list; else check OPENAI_BASE_URL, which most often ends in /v1"
        raise NoList(f"{where} has no list of models ({words})", mend, matters=False)
    mend = "if it is loading or busy: reports wait for it, for PROVIDER_WAIT_SECONDS"
    raise NoList(f"{where} cannot tell its models now ({words})", mend, matters=False)


def _get(url: str, key: str) -> tuple[int, dict[str, str], bytes]:
    import httpx

    end = time.monotonic() + _SECONDS  # of the whole answer; httpx's own is for each piece of it
    try:
        headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        with httpx.Client(timeout=_SECONDS) as client, client.stream("GET", url, headers=headers) as answer:
            body = b""
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > _LONGEST or time.monotonic() > end:
                    raise NoList(f"{address(url)} does not come to an end", _ADDRESS)
            return answer.status_code, dict(answer.headers), body
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise NoList(f"OPENAI_BASE_URL is no address ({clean(error)})", "it begins with http:// or https://") from error
    except (httpx.LocalProtocolError, UnicodeEncodeError) as error:
        words = "the key holds characters that no request can carry"
        raise NoList(
            words, "check OPENAI_API_KEY: a line end or a quotation mark may have been copied along"
        ) from error
    except httpx.HTTPError as error:
        words = _without(key, clean(str(error) or type(error).__name__))
        certificate = "SSL_CERT_FILE names a file with the authority that signed its certificate"
        mend = certificate if "CERTIFICATE_VERIFY_FAILED" in words else _ADDRESS
        raise NoList(f"{address(url).removesuffix('/models')} cannot be reached ({words})", mend) from error


def _read(base_url: str, body: bytes) -> ModelList:
    try:
        content = json.loads(body)
    except ValueError as cause:
        words = f"{address(base_url)} answers, and not with JSON"
        raise NoList(words, "check OPENAI_BASE_URL, which most often ends in /v1") from cause
    listed = content if isinstance(content, list) else content.get("data") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        words = f"{address(base_url)} answers with something else than a list of models"
        raise NoList(words, "check OPENAI_BASE_URL, which most often ends in /v1")
    models = [model for model in listed if isinstance(model, dict) and isinstance(model.get("id"), str)]
    return ModelList(
        tuple(name for model in models for name in _names(model)),
        {name: length for model in models for name in _names(model) if (length := _context(model))},
        any(model.get("owned_by") == _TAKES_ANY_NAME for model in models),
    )


def _names(model: dict[str, Any]) -> list[str]:
    aliases = model.get("aliases")
    more = [one for one in aliases if isinstance(one, str)] if isinstance(aliases, list) else []
    return list(dict.fromkeys([model["id"], *more]))


def _context(model: dict[str, Any]) -> int | None:
    meta = model.get("meta")
    told = [model.get(name) for name in _CONTEXT]
    told += [meta.get(name) for name in _CONTEXT_OF_LLAMA] if isinstance(meta, dict) else []
    return next((one for one in told if isinstance(one, int) and one > 0), None)


def _plain(name: str) -> str:
    return name.removeprefix("models/").removesuffix(":latest")


def _words(body: bytes, key: str) -> str:
    """What the provider says of itself: `error` of most servers, `detail` of others; a page of HTML says nothing."""
    try:
        content = json.loads(body)
    except ValueError:
        return ""
    said = content.get("error") or content.get("detail") or content.get("message") if isinstance(content, dict) else ""
    if isinstance(said, dict):
        said = said.get("message") or said.get("code") or ""
    return shorten(_without(key, clean(said or "")), _LONGEST_WORDS)


def _without(key: str, words: str) -> str:
    """A key that is no more than a letter or two is no secret, and stands in every word."""
    return words.replace(key, "…") if len(key) > _SHORTEST_KEY else words
