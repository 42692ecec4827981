"""The OpenAPI document, and what schemathesis makes of it: no request of any shape ends in a 500."""

from __future__ import annotations

import pytest

SEED = 20261125


def test_every_route_is_described_with_its_problems(client):
    document = client.get("/openapi.json").json()
    assert document["info"]["title"] == "asgnet"
    operations = [o for path in document["paths"].values() for o in path.values()]
    assert len({o["operationId"] for o in operations}) == len(operations)
    for operation in operations:
        assert operation["summary"], operation["operationId"]
        assert operation["description"], operation["operationId"]
    responses = document["paths"]["/v1/segment"]["post"]["responses"]
    assert {"200", "404", "413", "422", "429", "503"} <= set(responses)
    assert list(responses["429"]["content"]) == ["application/problem+json"]
    assert document["components"]["schemas"]["Job"]["properties"]["eta_seconds"]["examples"] == [31.6]


def test_every_answer_and_every_field_has_an_example(client):
    document = client.get("/openapi.json").json()
    speaking = {"example", "examples", "default", "enum", "const", "$ref"}
    shapes = {k: v for k, v in document["components"]["schemas"].items() if not k.startswith("Body_")}
    silent = [
        f"{name}.{field}"
        for name, shape in shapes.items()
        for field, told in shape.get("properties", {}).items()
        if not speaking & {*told, *told.get("items", {})} and told.get("type") != "boolean"
    ]
    assert silent == []
    shapeless = [
        operation["operationId"]
        for path in document["paths"].values()
        for operation in path.values()
        for status, answer in operation["responses"].items()
        for content in [answer.get("content", {}).get("application/json")]
        if status < "300" and content and "$ref" not in content["schema"] and "example" not in content
    ]
    assert shapeless == []


def test_no_request_of_any_shape_ends_in_a_500(serve, learn):
    schemathesis = pytest.importorskip("schemathesis", reason="not installed: pip install -e '.[dev]'")
    from hypothesis import HealthCheck, Phase, given, settings

    client = serve()
    learn(client)
    schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
    schema.config.update(base_url="http://127.0.0.1:8008")
    tried = 0
    for result in schema.get_all_operations():
        operation = result.ok()

        @settings(
            max_examples=12, deadline=None, derandomize=True, database=None,
            phases=[Phase.explicit, Phase.generate], suppress_health_check=list(HealthCheck),
        )  # fmt: skip
        def attempt(case) -> None:
            nonlocal tried
            tried += 1
            answer = _asked(client, case)
            assert answer.status_code < 500 or answer.status_code == 503, (
                case.as_curl_command(),
                answer.text,
            )
            if answer.status_code >= 400:
                assert answer.headers["content-type"] == "application/problem+json"

        given(case=operation.as_strategy())(attempt)()
    assert tried > 200


def _asked(client, case):
    """The generated request, through the client of these tests."""
    arguments = case.as_transport_kwargs(base_url="http://127.0.0.1:8008")
    return client.request(**{k: v for k, v in arguments.items() if k in _TAKEN}, follow_redirects=False)


_TAKEN = ("method", "url", "params", "headers", "cookies", "data", "json", "files", "content")
