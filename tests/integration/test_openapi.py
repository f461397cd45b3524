"""proto/openapi.yaml against the server: the same paths, examples that are accepted, answers of the shapes it says."""

import json
import os
import re
import subprocess
import sys
import time

import pytest
import yaml
from conftest import ROOT
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

SPEC = yaml.safe_load((ROOT / "proto/openapi.yaml").read_text())
REGISTRY = Registry().with_resource("urn:openapi", Resource.from_contents(SPEC, default_specification=DRAFT202012))


def check(schema, document):
    """`schema` is one of the description; its references are relative to it."""
    absolute = json.loads(json.dumps(schema).replace('"#/components', '"urn:openapi#/components'))
    Draft202012Validator(absolute, registry=REGISTRY).validate(document)


def test_the_description_has_the_servers_paths():
    table = re.findall(r'\{HTTP_METHOD_(\w+), "([^"]+)", (\w+),', (ROOT / "engine/api/api.c").read_text())
    served = {(method.lower(), "/" + path.replace("**", "*/*")) for method, path, listeners in table if listeners != "API_ON_METRICS"}
    described = {(method, re.sub(r"\{\w+\}", "*", path)) for path, methods in SPEC["paths"].items() for method in methods}
    assert served == described


def test_the_description_is_valid():
    from openapi_spec_validator import validate

    validate(SPEC)


def answer_schema(path, method, status):
    responses = SPEC["paths"][path][method]["responses"]
    content = (responses.get(str(status)) or SPEC["components"]["responses"]["Problem"])["content"]
    return next(iter(content.items()))


def test_answers_have_the_shapes_it_says(server):
    decision = server.evaluate({"agent_identity": "team-alpha-deploy-001", "operation": "deploy", "context": {"namespace": "team-alpha"}}).json
    ids = {"agent": "team-alpha-deploy-001", "id": decision["decision_id"], "escalation": decision["escalation_id"], "task": decision["escalation_id"], "index": "1", "level": "0", "number": "000.p/1"}
    seen = 0
    for path, methods in SPEC["paths"].items():
        for method in sorted(methods, reverse=True):  # puts and posts before gets would change less; approve comes before cancel
            operation = methods[method]
            body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("example", {})
            query = "?resource=team-alpha" if path.endswith("ownership") else ""
            target = re.sub(r"\{(\w+)\}", lambda match: ids[match[1]], path) + query
            answer = server.call(method.upper(), target, body if method != "get" else None, admin=True)
            deadline = time.monotonic() + 60
            while answer.status == 503 and time.monotonic() < deadline:  # the checkpoint that covers the entry is on its way
                time.sleep(0.05)
                answer = server.call(method.upper(), target, admin=True)
            if path == "/mcp":  # tests of its own
                assert answer.status < 500, (method, answer.body)
                continue
            kind, content = answer_schema(path, method, answer.status)
            assert answer.headers["content-type"].startswith(kind), (method, path, answer.body)
            assert answer.status < 500, (method, path, answer.body)
            if kind.endswith("json"):
                check(content["schema"], answer.json)
            seen += answer.status == 200
    assert seen >= 25


def test_problems_have_the_shape_it_says(server):
    for method, target in (("GET", "/v1/agents/nobody"), ("GET", "/v1/decisions?limit=0"), ("PUT", "/v1/agents/x"), ("GET", "/v1/none"), ("DELETE", "/v1/agents")):
        answer = server.call(method, target, {} if method == "PUT" else None, admin=True)
        assert answer.headers["content-type"] == "application/problem+json"
        check(SPEC["components"]["schemas"]["Problem"], answer.json)
        assert answer.json["status"] == answer.status


def test_every_body_has_an_example_that_fits():
    for path, methods in SPEC["paths"].items():
        for method, operation in methods.items():
            for content in operation.get("requestBody", {}).get("content", {}).values():
                assert "example" in content, (method, path)
                check(content["schema"], content["example"])


CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance,response_headers_conformance,unsupported_method,negative_data_rejection"


@pytest.mark.timeout(400)
def test_schemathesis_finds_nothing(server):
    """Generated requests, right and wrong, alone and one after the other: never a 5xx, always a documented status, type and shape, and what the schemas rule out is refused."""
    for name in ("web", "api"):
        answer = server.call("POST", "/v1/evaluate", {"agent_identity": "team-alpha-deploy-001", "operation": "deploy", "context": {"name": name}}).json
    assert server.call("POST", "/v1/escalations/ESC-1/deny", {"reason": "So that no long poll for it waits"}, admin=True).status == 200 and answer["escalation_id"] == "ESC-2"
    words = [
        sys.executable, "-m", "schemathesis.cli", "--config-file", str(ROOT / "tests/integration/schemathesis.toml"), "run", str(ROOT / "proto/openapi.yaml"), "--url", server.endpoints["rest"].rstrip("/"), "--header", f"Authorization: Bearer {server.token}",
        "--checks", CHECKS, "--max-examples", "10", "--seed", "20261124", "--phases", "examples,coverage,fuzzing,stateful",
        "--exclude-path", "/mcp", "--exclude-path", "/v1/policies/reload", "--exclude-path", "/v1/ledger/backup", "--exclude-path", "/v1/ledger/archive", "--request-timeout", "65", "--no-color", "--suppress-health-check", "all",
    ]
    shown = subprocess.run(words, capture_output=True, text=True, timeout=390, cwd=server.folder, env={**os.environ, "HYPOTHESIS_STORAGE_DIRECTORY": str(server.folder / "hypothesis")})
    print(shown.stdout[-1500:])
    assert shown.returncode == 0, shown.stdout[-6000:] + shown.stderr[-2000:]
