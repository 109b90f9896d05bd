"""The control API: faults, settings, and the lines of the billing log."""

from dataclasses import asdict

from pydantic import BaseModel, ConfigDict, Field
from quart import Blueprint, Response

from durable_research.simulator.faults.errors import parse_control, reply
from durable_research.simulator.faults.faults import Fault
from durable_research.simulator.faults.quirks import QUIRKS
from durable_research.simulator.world import World


class SettingsChange(BaseModel):
    """One entry of the control API; a setting that is left out stays unchanged."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    latency_seconds: float | None = Field(default=None, ge=0, le=3600)
    visibility_lag_seconds: float | None = Field(default=None, ge=0, le=3600)
    acceptance_seconds: float | None = Field(default=None, ge=0, le=3600)


class Control:
    """The routes under /control."""

    def __init__(self, world: World) -> None:
        self._world = world

    def routes(self) -> Blueprint:
        routes = Blueprint("control", __name__, url_prefix="/control")
        routes.add_url_rule("/faults", view_func=self.add_fault, methods=["POST"])
        routes.add_url_rule("/faults", view_func=self.faults, methods=["GET"])
        routes.add_url_rule("/faults", view_func=self.clear_faults, methods=["DELETE"])
        routes.add_url_rule("/quirks", view_func=self.quirks, methods=["GET"])
        routes.add_url_rule("/settings", view_func=self.change_settings, methods=["POST"])
        routes.add_url_rule("/witness", view_func=self.billing_log, methods=["GET"])
        return routes

    async def add_fault(self) -> Response:
        fault = await parse_control(Fault)
        self._world.faults.add(fault)
        return reply(fault.model_dump(), 201)

    async def faults(self) -> Response:
        return reply(self._world.faults.listed())

    async def clear_faults(self) -> Response:
        self._world.faults.clear()
        return Response(status=204)

    async def quirks(self) -> Response:
        return reply(
            {
                name: {"says": one.description, "source": one.source, "apis": sorted(one.apis), "billed": one.is_billed}
                for name, one in QUIRKS.items()
            }
        )

    async def change_settings(self) -> Response:
        change = await parse_control(SettingsChange)
        settings = self._world.settings
        for name, value in change.model_dump(exclude_none=True).items():
            setattr(settings, name, value)
        return reply(asdict(settings))

    async def billing_log(self) -> Response:
        return reply(self._world.billing_log.lines())
