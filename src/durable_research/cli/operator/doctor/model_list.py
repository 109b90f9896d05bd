"""A model provider's list of models, by `GET /models`: the one request that is free at every provider."""

import json
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urljoin

from durable_research.cli.operator.doctor.findings import address
from durable_research.cli.shared.terminal import clean, shorten

_SHORTEST_KEY = 7
_SECONDS = 10.0
_LARGEST_BODY = 4 << 20
_LONGEST_MESSAGE = 200
_ADDRESS = "check OPENAI_BASE_URL, and that the server runs; HTTPS_PROXY, if you need one"
# The names of a model's context length, by server: OpenRouter and others, vLLM, Groq, LM Studio.
_CONTEXT = ("context_length", "max_model_len", "context_window", "max_context_length")
_CONTEXT_OF_LLAMA = ("n_ctx", "n_ctx_train")  # in its `meta`; the first is that of a call
_SINGLE_MODEL_SERVER = "llamacpp"  # it serves one model under any name


class ModelListUnavailable(Exception):
    """The provider returned no list; `remedy` is the next step, `matters` is True if no report can be written."""

    def __init__(self, text: str, remedy: str, *, matters: bool = True) -> None:
        super().__init__(text)
        self.remedy = remedy
        self.matters = matters


@dataclass(frozen=True)
class ModelList:
    """The names of the models with their aliases, and each one's context length, where it is reported."""

    names: tuple[str, ...]
    contexts: dict[str, int] = field(default_factory=dict)
    accepts_any_name: bool = False

    def named(self, model: str) -> str | None:
        """A model's name in the list, or None: Ollama's `:latest` and Gemini's `models/` may be omitted."""
        return next((name for name in self.names if _plain(name) == _plain(model)), None)


def fetch_models(base_url: str, key: str) -> ModelList:
    """Request the list.

    Raises:
        ModelListUnavailable: with the answer received instead, without the key, and the remedy.
    """
    status, headers, body = _get(f"{base_url.rstrip('/')}/models", key)
    if status == 200:
        return _read(base_url, body)
    text = f"HTTP {status}" + (f": {message}" if (message := _message(body, key)) else "")
    where = address(base_url)
    if status in {401, 403}:
        raise ModelListUnavailable(f"{where} refuses the key ({text})", "check OPENAI_API_KEY")
    if 300 <= status < 400:
        target = urljoin(f"{base_url.rstrip('/')}/models", headers.get("location", ""))
        new_address = clean(address(target)).removesuffix("/models")
        raise ModelListUnavailable(
            f"{where} leads elsewhere ({text})", f"set OPENAI_BASE_URL to where the API is: {new_address}"
        )
    if status in {404, 405, 501}:
        remedy = "nothing, if it is a server without a list; else check OPENAI_BASE_URL, which most often ends in /v1"
        raise ModelListUnavailable(f"{where} has no list of models ({text})", remedy, matters=False)
    remedy = "if it is loading or busy: reports wait for it, for PROVIDER_WAIT_SECONDS"
    raise ModelListUnavailable(f"{where} cannot tell its models now ({text})", remedy, matters=False)


def _get(url: str, key: str) -> tuple[int, dict[str, str], bytes]:
    import httpx

    deadline = time.monotonic() + _SECONDS  # for the complete answer; httpx's timeout applies to each chunk
    try:
        headers = {"Authorization": f"Bearer {key}", "Accept": "application/json"}
        with httpx.Client(timeout=_SECONDS) as client, client.stream("GET", url, headers=headers) as answer:
            body = b""
            for piece in answer.iter_bytes():
                body += piece
                if len(body) > _LARGEST_BODY or time.monotonic() > deadline:
                    raise ModelListUnavailable(f"{address(url)} does not come to an end", _ADDRESS)
            return answer.status_code, dict(answer.headers), body
    except (httpx.InvalidURL, httpx.UnsupportedProtocol) as error:
        raise ModelListUnavailable(
            f"OPENAI_BASE_URL is no address ({clean(error)})", "it begins with http:// or https://"
        ) from error
    except (httpx.LocalProtocolError, UnicodeEncodeError) as error:
        text = "the key holds characters that no request can carry"
        raise ModelListUnavailable(
            text, "check OPENAI_API_KEY: a line end or a quotation mark may have been copied along"
        ) from error
    except httpx.HTTPError as error:
        text = _without(key, clean(str(error) or type(error).__name__))
        certificate = "SSL_CERT_FILE names a file with the authority that signed its certificate"
        remedy = certificate if "CERTIFICATE_VERIFY_FAILED" in text else _ADDRESS
        raise ModelListUnavailable(
            f"{address(url).removesuffix('/models')} cannot be reached ({text})", remedy
        ) from error


def _read(base_url: str, body: bytes) -> ModelList:
    try:
        content = json.loads(body)
    except ValueError as cause:
        text = f"{address(base_url)} answers, and not with JSON"
        raise ModelListUnavailable(text, "check OPENAI_BASE_URL, which most often ends in /v1") from cause
    listed = content if isinstance(content, list) else content.get("data") if isinstance(content, dict) else None
    if not isinstance(listed, list):
        text = f"{address(base_url)} answers with something else than a list of models"
        raise ModelListUnavailable(text, "check OPENAI_BASE_URL, which most often ends in /v1")
    models = [model for model in listed if isinstance(model, dict) and isinstance(model.get("id"), str)]
    return ModelList(
        tuple(name for model in models for name in _names(model)),
        {name: length for model in models for name in _names(model) if (length := _context(model))},
        any(model.get("owned_by") == _SINGLE_MODEL_SERVER for model in models),
    )


def _names(model: dict[str, Any]) -> list[str]:
    aliases = model.get("aliases")
    more = [one for one in aliases if isinstance(one, str)] if isinstance(aliases, list) else []
    return list(dict.fromkeys([model["id"], *more]))


def _context(model: dict[str, Any]) -> int | None:
    meta = model.get("meta")
    lengths = [model.get(name) for name in _CONTEXT]
    lengths += [meta.get(name) for name in _CONTEXT_OF_LLAMA] if isinstance(meta, dict) else []
    return next((one for one in lengths if isinstance(one, int) and one > 0), None)


def _plain(name: str) -> str:
    return name.removeprefix("models/").removesuffix(":latest")


def _message(body: bytes, key: str) -> str:
    """The provider's error message: `error` of most servers, `detail` of others; empty for a page of HTML."""
    try:
        content = json.loads(body)
    except ValueError:
        return ""
    message = (
        content.get("error") or content.get("detail") or content.get("message") if isinstance(content, dict) else ""
    )
    if isinstance(message, dict):
        message = message.get("message") or message.get("code") or ""
    return shorten(_without(key, clean(message or "")), _LONGEST_MESSAGE)


def _without(key: str, text: str) -> str:
    """The text without the key; a key of a few letters is no secret and may occur in any word."""
    return text.replace(key, "…") if len(key) > _SHORTEST_KEY else text
