"""The web application: every simulated service behind one address."""

from quart import Blueprint, Quart, Response, request
from werkzeug.exceptions import HTTPException

from durable_research.simulator.control import Control
from durable_research.simulator.faults.errors import AnswerReplaced, ApiError, error_reply, reply
from durable_research.simulator.openai.chat import ChatApi
from durable_research.simulator.openai.conversations import ConversationsApi
from durable_research.simulator.openai.embeddings import EmbeddingsApi
from durable_research.simulator.openai.responses import ResponsesApi
from durable_research.simulator.slack import SlackApi
from durable_research.simulator.smtp import Mailbox
from durable_research.simulator.webhook import Sink
from durable_research.simulator.world import MODELS, World, check_model, new_id

LARGEST_BODY_BYTES = 32 * 1024 * 1024
_MODELS_CREATED = 1767225600


def create_app(world: World) -> Quart:
    """Register the routes of all services, and return every refusal in OpenAI's form."""
    app = Quart(__name__, static_folder=None)
    app.config["MAX_CONTENT_LENGTH"] = LARGEST_BODY_BYTES
    # Quart ends streams after a minute; a slow generation may take longer.
    app.config["RESPONSE_TIMEOUT"] = None
    for api in (ResponsesApi, ConversationsApi, ChatApi, EmbeddingsApi, Sink, Mailbox, SlackApi, Control):
        app.register_blueprint(api(world).routes())
    app.register_blueprint(_models())
    app.add_url_rule("/health", view_func=_health, methods=["GET"])
    app.register_error_handler(ApiError, _refused)
    app.register_error_handler(AnswerReplaced, _replaced)
    app.register_error_handler(HTTPException, _unroutable)
    app.after_request(_set_request_id)
    return app


def _models() -> Blueprint:
    routes = Blueprint("models", __name__, url_prefix="/v1/models")
    routes.add_url_rule("", view_func=_list_models, methods=["GET"])
    routes.add_url_rule("/<model>", view_func=_show_model, methods=["GET"])
    return routes


async def _list_models() -> Response:
    return reply({"object": "list", "data": [_model(model) for model in MODELS]})


async def _show_model(model: str) -> Response:
    check_model(model, MODELS)
    return reply(_model(model))


def _model(model: str) -> dict[str, object]:
    return {"id": model, "object": "model", "created": _MODELS_CREATED, "owned_by": "durable-research-simulator"}


async def _health() -> Response:
    return reply({"status": "ok"})


async def _refused(error: ApiError) -> Response:
    return error_reply(error)


async def _replaced(error: AnswerReplaced) -> Response:
    return error.reply()


async def _unroutable(error: HTTPException) -> Response:
    message = f"Invalid URL ({request.method} {request.path})" if error.code in (404, 405) else error.name
    return error_reply(ApiError(error.code or 500, message))


async def _set_request_id(response: Response) -> Response:
    response.headers["x-request-id"] = new_id("req_")
    return response
