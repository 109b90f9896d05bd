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


def _resume_or_ask_again(words: str) -> Remedy:
    return Remedy(words, resume=True, ask_again=True)


def _ask_again(words: str) -> Remedy:
    """Resuming would send the same request again, so a changed one must be started anew."""
    return Remedy(words, resume=False, ask_again=True)


def _neither_helps(words: str) -> Remedy:
    return Remedy(words, resume=False, ask_again=False)


# `engine_terminated`, `engine_timed_out` and the like: the workflow ended without an error of its own.
_ENDED_BY_THE_ENGINE = _resume_or_ask_again("see in Temporal who or what ended it; nothing is wrong here")
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
    "rate_limited": _resume_or_ask_again(
        "ask again later, or have the provider raise its limits; PROVIDER_WAIT_SECONDS is the wait"
    ),
    "model_unavailable": _resume_or_ask_again(
        "see that workers reach OPENAI_BASE_URL (for an embedding OPENAI_EMBEDDING_BASE_URL), and that the server runs; "
        "PROVIDER_WAIT_SECONDS is the wait"
    ),
    "quota_exhausted": _resume_or_ask_again(
        "put money or quota on the provider's account, or set OPENAI_API_KEY to another one's"
    ),
    "provider_failed": _resume_or_ask_again(_LATER),
    "provider_silent": _resume_or_ask_again(
        "a server that loads its model or thinks for long needs a longer MODEL_FIRST_BYTE_SECONDS or MODEL_SILENCE_SECONDS"
    ),
    "field_refused": _resume_or_ask_again("nothing is to be done: the next send leaves the field out"),
    "cannot_ask": _resume_or_ask_again("set OPENAI_API to chat: this server keeps nothing that could be asked about"),
    "generation_failed": _resume_or_ask_again(_LATER),
    "answer_broken": _resume_or_ask_again(_LATER),
    "model_forgotten": _resume_or_ask_again(
        "have the provider keep answers (`store`); until then calls are sent again, and counted"
    ),
    "answer_lost": _resume_or_ask_again(
        "set OPENAI_API to one whose answers can be fetched again, where the provider has it"
    ),
    "model_error": _resume_or_ask_again(_LATER),
    "empty_output": _resume_or_ask_again("ask again, in other words or of another OPENAI_MODEL"),
    "model_stopped": _resume_or_ask_again(
        "see in the provider's documents what the reason means; set another OPENAI_MODEL, or go on with the text as it is"
    ),
    "only_reasoning": _resume_or_ask_again("set OPENAI_MODEL to a model that reasons less, or ask for less at once"),
    "model_refused": _resume_or_ask_again(_FIELDS_OF_THE_PROVIDER),
    "model_too_large": _resume_or_ask_again(_SHORTER),
    "model_truncated": _resume_or_ask_again(f"{_SHORTER}; or go on with the text as far as it came"),
    "model_declined": _ask_again("ask in other words: the model or the provider's filter declines these"),
    "ambiguous_send": _resume_or_ask_again(
        "see at the provider what was charged; OPENAI_API says what can be asked after silence"
    ),
    "unconfirmed_effect": _resume_or_ask_again(
        "see at the provider what was charged; DURABLE_RESEARCH_MODEL_RESEND says what becomes of silent calls, and "
        "OPENAI_API whether the provider can be asked about them"
    ),
    "decision_needed": _resume_or_ask_again(
        "decide whether to pay again, while it waits for you: durable-research decide"
    ),
    "still_running": _neither_helps("wait: the provider is at work on it, and it is looked up again by itself"),
}
_OF_STEPS = {
    "document_error": _resume_or_ask_again(
        "no text is known to cause this: correct the text and go on, or report the words"
    ),
    "renderer_crashed": _resume_or_ask_again(
        "give the machine more memory, or set DURABLE_RESEARCH_RENDERER_PROCESSES to less"
    ),
    "notification_failed": _ask_again("see that the receiver accepts messages"),
    "notification_busy": _ask_again("see that the receiver accepts as many messages as are sent"),
    "notification_unavailable": _ask_again(
        "see that workers reach the receiver: DURABLE_RESEARCH_WEBHOOK_URL, SMTP_URL, SLACK_API_URL or the address given"
    ),
    "notification_refused": _ask_again(
        "mend what the words name: DURABLE_RESEARCH_WEBHOOK_URL, SMTP_URL, SLACK_BOT_TOKEN, SLACK_CHANNEL or the address given"
    ),
    "redirect_refused": _ask_again("give the address that the receiver really has: redirects are not followed"),
    "forbidden_address": _ask_again("give an address out in the world: https://, port 443 or 8443"),
    "output_invalid": _ask_again("loosen the rules of the request, or ask in other words"),
    "step_timed_out": _resume_or_ask_again(
        "see in the worker's log what hangs; one model call may take MODEL_LONGEST_SECONDS"
    ),
    "step_failed": _resume_or_ask_again(_LATER),
    "approval_refused": _ask_again("ask again, in other words"),
    "approval_expired": _resume_or_ask_again(
        "go on with it, and approve within DURABLE_RESEARCH_APPROVAL_EXPIRY seconds"
    ),
    "cancel_requested": _ask_again("nothing is to be done: somebody wanted it to stop"),
    "stale_attempt": _neither_helps("nothing is to be done: a newer attempt goes on"),
    "effect_mismatch": _ask_again(_REPORT_IT),
    "internal_error": _resume_or_ask_again(_REPORT_IT),
    "dependency_unavailable": _resume_or_ask_again(
        "see what is away: durable-research doctor; the work goes on by itself"
    ),
    "unknown_key_id": _neither_helps("add the key of that id to PAYLOAD_KEYS; the work goes on by itself"),
    "payload_unreadable": _neither_helps("set PAYLOAD_KEYS and TEMPORAL_NAMESPACE to those that it was sealed with"),
}
_OF_REQUESTS = {
    "rejected": _ask_again("correct the request"),
    "invalid_input": _ask_again("correct the fields that `errors` names"),
    "not_found": _neither_helps("look up what there is: durable-research list"),
    "unknown_pipeline": _ask_again("take a name that the words tell"),
    "idempotency_key_reused": _ask_again("send another Idempotency-Key, or the body that it was first sent with"),
    "invalid_state": _neither_helps("see what it waits for: durable-research show"),
    "not_ready": _ask_again("wait for it: durable-research watch"),
    "too_many_schedules": _ask_again("delete a schedule: durable-research schedule delete"),
    "already_decided": _neither_helps("nothing is to be done: the first decision stands"),
}
REMEDIES = _OF_MODELS | _OF_STEPS | _OF_REQUESTS
