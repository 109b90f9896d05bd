"""As much of n8n as our flows use: walks connections, renders expressions, sends requests, runs code."""

import base64
import json
import subprocess
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from tests.programs import node_program

_JAVASCRIPT = Path(__file__).with_name("n8n.mjs")
# Headers that n8n's HTTP Request node (4.5) sends by itself.
_ACCEPT = {
    "json": "application/json,text/*;q=0.99",
    "file": "application/json,text/html,application/xhtml+xml,application/xml,text/*;q=0.9, image/*;q=0.8, */*;q=0.7",
}
Json = dict[str, Any]


class StoppedByTheFlow(Exception):
    """A Stop and Error node was reached."""


@dataclass
class Execution:
    """One run of a flow. It stops at a Wait node until it is resumed; `trail` lists the nodes that have run."""

    flow: Json
    id: str = "231"
    resume_url: str = "http://localhost:5678/webhook-waiting/231?signature=5f1c"
    variables: Mapping[str, str] = field(default_factory=dict)
    seen_before: set[str] = field(default_factory=set)
    trail: list[str] = field(default_factory=list)
    requests: list[httpx.Request] = field(default_factory=list)
    responses: list[httpx.Response] = field(default_factory=list)
    answered: int | None = None
    waits_at: str | None = None
    _outputs: dict[str, Json] = field(default_factory=dict)
    _binary: bytes = b""

    def start(self, item: Json, body: bytes = b"") -> "Execution":
        """Call the flow's webhook."""
        trigger = next(node for node in self.flow["nodes"] if node["type"].endswith(".webhook"))
        self._binary = body
        self._outputs[trigger["name"]] = item
        self.trail.append(trigger["name"])
        self._go_on(trigger["name"], 0, item)
        return self

    def resume(self) -> "Execution":
        """Resume it: by a callback or because its time is up, which the flow cannot distinguish."""
        assert self.waits_at is not None, "it does not wait"
        name, self.waits_at = self.waits_at, None
        self._go_on(name, 0, {})
        return self

    def _go_on(self, name: str, output: int, item: Json) -> None:
        wires = self.flow["connections"].get(name, {"main": []})["main"]
        for wire in wires[output] if output < len(wires) else ():
            node = next(one for one in self.flow["nodes"] if one["name"] == wire["node"])
            self.trail.append(node["name"])
            run = _NODES[node["type"].removeprefix("n8n-nodes-base.")]
            outcome = run(self, node, item)
            if outcome is not None:
                self._outputs[node["name"]] = outcome[1]
                self._go_on(node["name"], *outcome)

    def _javascript(self, item: Json, **what: Any) -> Any:
        world = {
            "item": item,
            "nodes": self._outputs,
            "execution": {"id": self.id, "resumeUrl": self.resume_url},
            "workflow": {"id": "kJ3hTq8RzPmVw2Lx"},
            "vars": self.variables,
            "binary": base64.b64encode(self._binary).decode(),
        }
        ended = subprocess.run(
            [node_program(), str(_JAVASCRIPT)],
            input=json.dumps({**what, "world": world}),
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        if ended.returncode:
            raise RuntimeError(ended.stderr)
        return json.loads(ended.stdout)

    def _set(self, node: Json, item: Json) -> tuple[int, Json]:
        assignments = self._javascript(item, value=node["parameters"]["assignments"]["assignments"])
        return 0, {**item, **{one["name"]: one["value"] for one in assignments}}

    def _http_request(self, node: Json, item: Json) -> tuple[int, Json]:
        parameters = self._javascript(item, value=node["parameters"])
        response_options = parameters["options"]["response"]["response"]
        headers = {one["name"]: one["value"] for one in parameters.get("headerParameters", {}).get("parameters", ())}
        with httpx.Client(timeout=30) as client:
            request = client.build_request(
                parameters["method"],
                parameters["url"],
                headers={"accept": _ACCEPT[response_options["responseFormat"]], **headers},
                json=json.loads(parameters["jsonBody"]) if parameters.get("sendBody") else None,
            )
            self.requests.append(request)
            response = client.send(request)
        self.responses.append(response)
        if not response_options.get("neverError"):
            assert response.is_success, f"{node['name']}: {response.status_code} {response.text}"
        if response_options["responseFormat"] == "file":
            return 0, item
        body = response.json()
        return 0, {"statusCode": response.status_code, "body": body} if response_options.get("fullResponse") else body

    def _if(self, node: Json, item: Json) -> tuple[int, Json]:
        (condition,) = node["parameters"]["conditions"]["conditions"]
        assert condition["operator"]["operation"] == "true"
        answer = self._javascript(item, value=condition["leftValue"])
        assert isinstance(answer, bool), f"{node['name']}: n8n's strict validation refuses {answer!r}"
        return (0 if answer else 1), item

    def _code(self, node: Json, item: Json) -> tuple[int, Json]:
        (made,) = self._javascript(item, code=node["parameters"]["jsCode"])
        return 0, made["json"]

    def _wait(self, node: Json, item: Json) -> None:
        assert node["parameters"]["resume"] == "webhook"
        self.waits_at = node["name"]

    def _respond(self, node: Json, item: Json) -> tuple[int, Json]:
        self.answered = node["parameters"]["options"]["responseCode"]
        return 0, item

    def _drop_repeats(self, node: Json, item: Json) -> tuple[int, Json] | None:
        key = self._javascript(item, value=node["parameters"]["dedupeValue"])
        if key in self.seen_before:
            return None
        self.seen_before.add(key)
        return 0, item

    def _stop(self, node: Json, item: Json) -> None:
        raise StoppedByTheFlow(self._javascript(item, value=node["parameters"]["errorMessage"]))

    def _nothing(self, node: Json, item: Json) -> tuple[int, Json]:
        return 0, item


_NODES: Mapping[str, Callable[[Execution, Json, Json], tuple[int, Json] | None]] = {
    "set": Execution._set,
    "httpRequest": Execution._http_request,
    "if": Execution._if,
    "code": Execution._code,
    "wait": Execution._wait,
    "respondToWebhook": Execution._respond,
    "removeDuplicates": Execution._drop_repeats,
    "stopAndError": Execution._stop,
    "noOp": Execution._nothing,
}
