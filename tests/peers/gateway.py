"""The LiteLLM gateway, before llama.cpp's server and before answers that it makes up itself."""

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import httpx

from tests.installation import end_with_the_tests, until
from tests.programs import free_port, installed

KEY = "sk-gateway-for-tests-c1b7f6e2a94d4f0e"
_START_SECONDS = 300.0  # it imports for ten seconds on a machine with nothing else to do


def _model(name: str, **parameters: Any) -> dict[str, Any]:
    return {"model_name": name, "litellm_params": {"api_key": "none", **parameters}}


class Gateway:
    """Its access log is the record of its requests."""

    def __init__(self, folder: Path, backend: int) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.port = free_port()
        self._log = folder / "gateway.log"
        config = folder / "config.yaml"
        made_up = {"model": "openai/gpt-4o-mini"}
        models = [
            _model("behind", model="hosted_vllm/tiny-words", api_base=f"http://127.0.0.1:{backend}/v1"),
            _model("busy", **made_up, mock_response="litellm.RateLimitError"),
            _model("full", **made_up, mock_response="litellm.ContextWindowExceededError"),
        ]
        settings = {"telemetry": False, "num_retries": 0, "drop_params": True}
        config.write_text(json.dumps({"model_list": models, "litellm_settings": settings}))  # JSON is YAML
        command = [installed("litellm", "litellm/bin/litellm"), "--config", str(config)]
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [*command, "--host", "127.0.0.1", "--port", str(self.port)],
                env={**os.environ, "LITELLM_MASTER_KEY": KEY, "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
                stdout=log,
                stderr=log,
                preexec_fn=end_with_the_tests,
            )
        until("the gateway", self._is_up, _START_SECONDS)

    def _is_up(self) -> bool:
        assert self._process.poll() is None, self._log.read_text()
        try:
            return httpx.get(f"http://127.0.0.1:{self.port}/health/liveliness", timeout=5).status_code == 200
        except httpx.TransportError:
            return False

    def calls(self) -> int:
        """The number of requests for a text."""
        return self._log.read_text(errors="replace").count("POST /v1/chat/completions")

    def stop(self) -> None:
        self._process.kill()
        self._process.wait(10)
