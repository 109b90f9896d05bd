"""The remedy for each failure: one row for each code of the error tree, read by page, API, command line and docs.

A setting is written by its name, so that readers find it in `.env.example`.
"""

import re
from dataclasses import dataclass

_SETTING = re.compile(r"\b[A-Z]+(?:_[A-Z]+)+\b")


@dataclass(frozen=True)
class Remedy:
    """What to do about a code.

    `resume`: resuming from the failed step helps after that. `ask_again`: a new request helps, or the same one sent again.
    """

    words: str
    resume: bool
    ask_again: bool

    @property
    def settings(self) -> tuple[str, ...]:
        """The settings that the words name."""
        return tuple(dict.fromkeys(_SETTING.findall(self.words)))


def remedy_for(code: str) -> Remedy | None:
    """The remedy for this code; None when it is neither in the error tree nor an end that Temporal made."""
    return _ENDED_BY_THE_ENGINE if code.startswith("engine_") else REMEDIES.get(code)


def _either(words: str) -> Remedy:
    return Remedy(words, resume=True, ask_again=True)


def _anew(words: str) -> Remedy:
    """Resuming would send the same request again, so a changed one must be started anew."""
    return Remedy(words, resume=False, ask_again=True)


def _neither(words: str) -> Remedy:
    return Remedy(words, resume=False, ask_again=False)


# `engine_terminated`, `engine_timed_out` and the like: the workflow ended without an error of its own.
_ENDED_BY_THE_ENGINE = _either("see in Temporal who or what ended it; nothing is wrong here")
_FIELDS_OF_THE_PROVIDER = (
    "mend what the words name: OPENAI_API_KEY, OPENAI_BASE_URL, OPENAI_MODEL or OPENAI_API; of an embedding "
    "OPENAI_EMBEDDING_API_KEY, OPENAI_EMBEDDING_BASE_URL or OPENAI_EMBEDDING_MODEL"
)
_LATER = "nothing is wrong here: ask again later, and see whether the provider tells of an incident"
_REPORT_IT = (
    "look into the logs for the workflow's or request's id, and report what you find: this is a mistake of ours"
)
_SHORTER = "ask for something shorter, or set OPENAI_MODEL to a model that takes and writes more"

_OF_MODELS = {
    "rate_limited": _either(
        "ask again later, or have the provider raise its limits; PROVIDER_WAIT_SECONDS is the wait"
    ),
    "model_unavailable": _either(
        "see that workers reach OPENAI_BASE_URL (for an embedding OPENAI_EMBEDDING_BASE_URL), and that the server runs; "
        "PROVIDER_WAIT_SECONDS is the wait"
    ),
    "quota_exhausted": _either("put money or quota on the provider's account, or set OPENAI_API_KEY to another one's"),
    "provider_failed": _either(_LATER),
    "provider_silent": _either(
        "a server that loads its model or thinks for long needs a longer MODEL_FIRST_BYTE_SECONDS or MODEL_SILENCE_SECONDS"
    ),
    "field_refused": _either("nothing is to be done: the next send leaves the field out"),
    "cannot_ask": _either("set OPENAI_API to chat: this server keeps nothing that could be asked about"),
    "generation_failed": _either(_LATER),
    "answer_broken": _either(_LATER),
    "model_forgotten": _either(
        "have the provider keep answers (`store`); until then calls are sent again, and counted"
    ),
    "answer_lost": _either("set OPENAI_API to one whose answers can be fetched again, where the provider has it"),
    "model_error": _either(_LATER),
    "empty_output": _either("ask again, in other words or of another OPENAI_MODEL"),
    "model_stopped": _either(
        "see in the provider's documents what the reason means; set another OPENAI_MODEL, or go on with the text as it is"
    ),
    "only_reasoning": _either("set OPENAI_MODEL to a model that reasons less, or ask for less at once"),
    "model_refused": _either(_FIELDS_OF_THE_PROVIDER),
    "model_too_large": _either(_SHORTER),
    "model_truncated": _either(f"{_SHORTER}; or go on with the text as far as it came"),
    "model_declined": _anew("ask in other words: the model or the provider's filter declines these"),
    "ambiguous_send": _either("see at the provider what was charged; OPENAI_API says what can be asked after silence"),
    "unconfirmed_effect": _either(
        "see at the provider what was charged; DURABLE_RESEARCH_MODEL_RESEND says what becomes of silent calls, and "
        "OPENAI_API whether the provider can be asked about them"
    ),
    "decision_needed": _either("decide whether to pay again, while it waits for you: durable-research decide"),
    "still_running": _neither("wait: the provider is at work on it, and it is looked up again by itself"),
}
_OF_STEPS = {
    "document_error": _either("no text is known to cause this: correct the text and go on, or report the words"),
    "renderer_crashed": _either("give the machine more memory, or set DURABLE_RESEARCH_RENDERER_PROCESSES to less"),
    "notification_failed": _anew("see that the receiver accepts messages"),
    "notification_busy": _anew("see that the receiver accepts as many messages as are sent"),
    "notification_unavailable": _anew(
        "see that workers reach the receiver: DURABLE_RESEARCH_WEBHOOK_URL, SMTP_URL, SLACK_API_URL or the address given"
    ),
    "notification_refused": _anew(
        "mend what the words name: DURABLE_RESEARCH_WEBHOOK_URL, SMTP_URL, SLACK_BOT_TOKEN, SLACK_CHANNEL or the address given"
    ),
    "redirect_refused": _anew("give the address that the receiver really has: redirects are not followed"),
    "forbidden_address": _anew("give an address out in the world: https://, port 443 or 8443"),
    "output_invalid": _anew("loosen the rules of the request, or ask in other words"),
    "step_timed_out": _either("see in the worker's log what hangs; one model call may take MODEL_LONGEST_SECONDS"),
    "step_failed": _either(_LATER),
    "approval_refused": _anew("ask again, in other words"),
    "approval_expired": _either("go on with it, and approve within DURABLE_RESEARCH_APPROVAL_EXPIRY seconds"),
    "cancel_requested": _anew("nothing is to be done: somebody wanted it to stop"),
    "stale_attempt": _neither("nothing is to be done: a newer attempt goes on"),
    "effect_mismatch": _anew(_REPORT_IT),
    "internal_error": _either(_REPORT_IT),
    "dependency_unavailable": _either("see what is away: durable-research doctor; the work goes on by itself"),
    "unknown_key_id": _neither("add the key of that id to PAYLOAD_KEYS; the work goes on by itself"),
    "payload_unreadable": _neither("set PAYLOAD_KEYS and TEMPORAL_NAMESPACE to those that it was sealed with"),
}
_OF_REQUESTS = {
    "rejected": _anew("correct the request"),
    "invalid_input": _anew("correct the fields that `errors` names"),
    "not_found": _neither("look up what there is: durable-research list"),
    "unknown_pipeline": _anew("take a name that the words tell"),
    "idempotency_key_reused": _anew("send another Idempotency-Key, or the body that it was first sent with"),
    "invalid_state": _neither("see what it waits for: durable-research show"),
    "not_ready": _anew("wait for it: durable-research watch"),
    "too_many_schedules": _anew("delete a schedule: durable-research schedule delete"),
    "already_decided": _neither("nothing is to be done: the first decision stands"),
}
REMEDIES = _OF_MODELS | _OF_STEPS | _OF_REQUESTS
