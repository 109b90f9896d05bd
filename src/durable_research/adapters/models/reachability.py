"""The Health port of a model provider: the head of its list of models, the one request that is free at every provider."""

import httpx

from durable_research.domain.errors import InfrastructureDown

_SECONDS = 2.0
_REFUSED = (401, 403)
# A server without a list answers all the same.
_NO_LIST = (404, 405, 501)


class ProviderReachability:
    """Asks with the provider's key; without one, where it needs one, nothing is asked. Answers hold no key."""

    name = "provider"

    def __init__(self, base_url: str, api_key: str | None) -> None:
        self._url = f"{base_url.rstrip('/')}/models"
        self._api_key = api_key

    async def check(self) -> None:
        """Return when it answers and takes the key."""
        if self._api_key is None:
            raise InfrastructureDown("OPENAI_API_KEY is not set")
        headers = {"Authorization": f"Bearer {self._api_key}", "Accept": "application/json"}
        try:
            async with (
                httpx.AsyncClient(timeout=_SECONDS) as client,
                client.stream("GET", self._url, headers=headers) as answer,
            ):
                status = answer.status_code
        except (httpx.HTTPError, httpx.InvalidURL, UnicodeEncodeError) as cause:
            # Its own words may quote the address with a password.
            raise InfrastructureDown(f"the model provider cannot be reached ({type(cause).__name__})") from None
        if status in _REFUSED:
            raise InfrastructureDown(f"the model provider refuses the key (HTTP {status}): check OPENAI_API_KEY")
        if status >= 300 and status not in _NO_LIST:
            raise InfrastructureDown(f"the model provider answers HTTP {status}")
