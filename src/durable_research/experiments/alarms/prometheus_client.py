"""Reads a running Prometheus: which alerts fire now."""

import httpx

_SECONDS = 30.0


def firing(prometheus_url: str) -> frozenset[str]:
    """The names of the alerts that fire; those that still wait for their duration are not among them."""
    answer = httpx.get(f"{prometheus_url}/api/v1/alerts", timeout=_SECONDS)
    answer.raise_for_status()
    return frozenset(one["labels"]["alertname"] for one in answer.json()["data"]["alerts"] if one["state"] == "firing")
