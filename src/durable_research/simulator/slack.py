"""Simulates Slack with one workspace: post, read back by metadata, delete. Errors are Slack's: 200 and `ok: false`."""

import asyncio
import json
import math
from typing import Any

from quart import Blueprint, Response, request

from durable_research.simulator.faults.errors import reply
from durable_research.simulator.faults.faults import HANG_SECONDS, Call, Fault, cut_response
from durable_research.simulator.generation.state import SlackMessage
from durable_research.simulator.world import World

Json = dict[str, Any]
_LONGEST_TEXT = 40_000
_LARGEST_PAGE = 999


class _NotOk(Exception):
    """An error of Slack's API; `status` is 200 for every error that Slack answers itself."""

    def __init__(self, code: str, status: int = 200, headers: dict[str, str] | None = None) -> None:
        super().__init__(code)
        self.code = code
        self.status = status
        self.headers = headers


class SlackApi:
    """The three Slack methods that a notifier needs."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._state = world.state
        self._last = max((float(ts) for _, ts in self._state.slack), default=0.0)

    def routes(self) -> Blueprint:
        routes = Blueprint("slack", __name__, url_prefix="/api")
        routes.add_url_rule("/chat.postMessage", view_func=self.post, methods=["POST"])
        routes.add_url_rule("/chat.delete", view_func=self.delete, methods=["POST"])
        routes.add_url_rule("/conversations.history", view_func=self.history, methods=["GET", "POST"])
        routes.register_error_handler(_NotOk, _refused)
        return routes

    async def post(self) -> Response:
        arguments = await _read_arguments()
        message = self._message(arguments)
        fault = self._world.faults.take(Call("slack", message.text))
        await _refuse(fault)
        # Shielded: the message stays posted when the caller disconnects.
        await asyncio.shield(asyncio.create_task(self._record(message)))
        await self._world.withhold()
        if fault and fault.fault == "billed_500":
            raise _NotOk("internal_error", 500)
        if fault and fault.fault == "cut":
            return cut_response("application/json", b"{")
        return reply({"ok": True, "channel": message.channel, "ts": message.ts, "message": _shown(message, True)})

    async def history(self) -> Response:
        arguments = await _read_arguments()
        channel = _channel(arguments)
        oldest, limit = _number(arguments, "oldest", 0), min(int(_number(arguments, "limit", 100)), _LARGEST_PAGE)
        before = _number(arguments, "cursor", math.inf)
        visible_until = self._state.now() - self._world.settings.visibility_lag_seconds
        found = sorted(
            (one for one in self._state.slack.values() if one.channel == channel),
            key=lambda one: float(one.ts),
            reverse=True,
        )
        found = [one for one in found if oldest < float(one.ts) < before and float(one.ts) <= visible_until]
        shown, has_more = found[:limit], len(found) > limit
        with_metadata = str(arguments.get("include_all_metadata")).lower() in ("true", "1")
        cursor = {"response_metadata": {"next_cursor": shown[-1].ts}} if has_more else {}
        messages = [_shown(one, with_metadata) for one in shown]
        return reply({"ok": True, "messages": messages, "has_more": has_more, **cursor})

    async def delete(self) -> Response:
        arguments = await _read_arguments()
        message = self._state.slack.get((_channel(arguments), str(arguments.get("ts"))))
        if message is None:
            raise _NotOk("message_not_found")
        self._state.delete_slack_message(message)
        await self._world.billing_log.write("slack_deleted", key=message.key, text=message.text, id=message.ts)
        return reply({"ok": True, "channel": message.channel, "ts": message.ts})

    def _message(self, arguments: Json) -> SlackMessage:
        channel, text = _channel(arguments), str(arguments.get("text") or "")
        blocks = _decoded(arguments.get("blocks")) or []
        if not text and not blocks:
            raise _NotOk("no_text")
        if len(text) > _LONGEST_TEXT:
            raise _NotOk("msg_too_long")
        # A ts is both id and order: unique and increasing, also when the clock goes backwards.
        self._last = max(self._state.now(), self._last + 1e-6)
        metadata = _decoded(arguments.get("metadata"))
        return SlackMessage(ts=f"{self._last:.6f}", channel=channel, text=text, blocks=blocks, metadata=metadata)

    async def _record(self, message: SlackMessage) -> None:
        await self._world.billing_log.write("slack", key=message.key, text=message.text, id=message.ts)
        self._state.post(message)


async def _read_arguments() -> Json:
    """Arguments in Slack's forms: JSON, a form or the query; with a bot's token."""
    sent: Json = {**request.args, **(await request.form)}
    if request.is_json:
        sent |= await request.get_json()
    token = request.headers.get("authorization", "").removeprefix("Bearer ") or str(sent.get("token") or "")
    if not token:
        raise _NotOk("not_authed")
    if not token.startswith("xoxb-"):
        raise _NotOk("invalid_auth")
    return sent


def _channel(arguments: Json) -> str:
    channel = str(arguments.get("channel") or "")
    if not channel or channel.startswith("missing"):
        raise _NotOk("channel_not_found")
    return channel


def _number(arguments: Json, name: str, default: float) -> float:
    try:
        return float(arguments.get(name) or default)
    except ValueError as cause:
        raise _NotOk(f"invalid_{name}") from cause


def _decoded(value: Any) -> Any:
    # In a form, a value other than text is JSON in text.
    return json.loads(value) if isinstance(value, str) and value else value


def _shown(message: SlackMessage, with_metadata: bool) -> Json:
    metadata = {"metadata": message.metadata} if message.metadata and with_metadata else {}
    return {
        "type": "message",
        "subtype": "bot_message",
        "ts": message.ts,
        "text": message.text,
        "blocks": message.blocks,
        **metadata,
    }


async def _refuse(fault: Fault | None) -> None:
    if fault is None:
        return
    await asyncio.sleep(HANG_SECONDS if fault.fault == "timeout" else fault.latency(0))
    match fault.fault:
        case "429":
            raise _NotOk("ratelimited", 429, fault.retry_header() or {"retry-after": "1"})
        case "500":
            raise _NotOk("internal_error", 500)
        case "timeout":
            raise _NotOk("request_timeout", 504)


async def _refused(error: _NotOk) -> Response:
    return reply({"ok": False, "error": error.code}, error.status, error.headers)
