"""The OpenAPI document describes exactly what is registered."""

import re

from quart.testing import QuartClient

from durable_research.domain.workflow import Decision
from tests.web.house import House


async def test_each_registered_address_is_described_and_no_other(client: QuartClient, house: House) -> None:
    document = await (await client.get("/api/openapi.json")).get_json()
    described = {(method.upper(), path) for path, methods in document["paths"].items() for method in methods}

    registered = {
        (method, re.sub(r"<(\w+)>", r"{\1}", rule.rule))
        for rule in house.app.url_map.iter_rules()
        for method in (rule.methods or set()) - {"HEAD"}
        if rule.endpoint.startswith("api.")
    }

    assert described == registered


async def test_no_address_below_api_is_registered_outside_the_table(house: House) -> None:
    assert [
        rule
        for rule in house.app.url_map.iter_rules()
        if rule.rule.startswith("/api") and not rule.endpoint.startswith("api.")
    ] == []


async def test_every_decision_is_described(client: QuartClient) -> None:
    document = await (await client.get("/api/openapi.json")).get_json()
    schemas = document["components"]["schemas"]

    assert schemas["Decision"]["enum"] == list(Decision)
    assert set(Decision) <= set(schemas["Status"]["properties"]["asks"]["properties"]["decisions"]["items"]["enum"])


async def test_every_reference_in_the_document_leads_somewhere(client: QuartClient) -> None:
    response = await client.get("/api/openapi.json")
    text, document = await response.get_data(as_text=True), await response.get_json()

    for reference in re.findall(r'"#/components/schemas/(\w+)"', text):
        assert reference in document["components"]["schemas"]


async def test_the_start_body_is_described_from_its_own_model(client: QuartClient) -> None:
    document = await (await client.get("/api/openapi.json")).get_json()

    schema = document["components"]["schemas"]["ReportRequest"]
    assert (schema["required"], schema["additionalProperties"]) == (["prompt"], False)
