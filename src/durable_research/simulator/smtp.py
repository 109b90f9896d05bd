"""A mail server that stores the accepted messages: SMTP on a separate port, and a listing by HTTP."""

import asyncio
import email
import email.policy
import logging
import socket
from datetime import UTC, datetime
from email.message import EmailMessage

from aiosmtpd.smtp import SMTP, Envelope, Session
from quart import Blueprint, Response

from durable_research.simulator.faults.errors import reply
from durable_research.simulator.faults.faults import HANG_SECONDS, Call
from durable_research.simulator.generation.state import Mail
from durable_research.simulator.world import World, new_id

# Mailboxes that do not exist: refused before any text is sent, as a mistyped address is.
_UNKNOWN_MAILBOX = "missing"


class Mailbox:
    """The route that lists the received mail."""

    def __init__(self, world: World) -> None:
        self._state = world.state

    def routes(self) -> Blueprint:
        routes = Blueprint("mail", __name__, url_prefix="/sink/email")
        routes.add_url_rule("", view_func=self.received, methods=["GET"])
        return routes

    async def received(self) -> Response:
        return reply([mail.model_dump() for mail in self._state.mails])


async def serve_mail(world: World, bound: socket.socket) -> None:
    """Accept mail on a bound socket until the loop ends."""
    # aiosmtpd logs a warning for each connection that ends early; here faults end them on purpose.
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)
    loop = asyncio.get_running_loop()
    await loop.create_server(
        lambda: SMTP(_Handler(world), hostname="simulator", enable_SMTPUTF8=True, auth_require_tls=False, loop=loop),
        sock=bound,
    )


class _Handler:
    """The callbacks of aiosmtpd, under the names that it requires."""

    def __init__(self, world: World) -> None:
        self._world = world

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        if address.startswith(_UNKNOWN_MAILBOX):
            return "550 5.1.1 No such mailbox here"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        content = envelope.original_content or b""
        message = email.message_from_bytes(content, _class=EmailMessage, policy=email.policy.default)
        text = _text(message)
        fault = self._world.faults.take(Call("email", text))
        if fault:
            await asyncio.sleep(HANG_SECONDS if fault.fault == "timeout" else fault.latency(0))
            if fault.fault == "451":
                return "451 4.3.0 Try again later"
            if fault.fault == "550":
                return "550 5.7.1 This message is not accepted"
        # Shielded: after the final dot the server has accepted the message, even if the sender has disconnected.
        await asyncio.shield(asyncio.create_task(self._record(message, envelope, text)))
        await self._world.withhold()
        if fault and fault.fault == "cut" and isinstance(server.transport, asyncio.Transport):
            server.transport.abort()
        return "250 OK"

    async def _record(self, message: EmailMessage, envelope: Envelope, text: str) -> None:
        state = self._world.state
        message_id = str(message["message-id"]).strip() if message["message-id"] else None
        local_part = message_id.strip("<>").rpartition("@")[0] if message_id else None
        mail = Mail(
            at=datetime.now(UTC).isoformat(),
            id=new_id("mail_"),
            key=str(message["x-effect-key"]).strip() if message["x-effect-key"] else local_part,
            message_id=message_id,
            repeat=message_id is not None and any(one.message_id == message_id for one in state.mails),
            sender=envelope.mail_from or "",
            recipients=[str(one) for one in envelope.rcpt_tos],
            headers={name.lower(): str(value) for name, value in message.items()},
            body=_body(message),
        )
        repeat = {"repeat": True} if mail.repeat else {}
        await self._world.billing_log.write("email", key=mail.key, text=text, id=mail.id, extra=repeat)
        state.add_mail(mail)


def _text(message: EmailMessage) -> str:
    return f"{message['subject'] or ''}\n{_body(message)}"


def _body(message: EmailMessage) -> str:
    part = message.get_body(("plain", "html"))
    return str(part.get_content()).replace("\r\n", "\n") if part else ""
