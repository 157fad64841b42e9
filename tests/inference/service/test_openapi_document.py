"""A client that knows nothing but /openapi.json can use the service."""

import base64
import json
from typing import Any

import pytest
from service_client import check_against_document
from starlette.testclient import TestClient


class DocumentClient:
    """Makes requests of what the document says of them."""

    def __init__(self, http: TestClient) -> None:
        self.http = http
        self.document = http.get("/openapi.json").json()

    def resolved(self, schema: dict[str, Any]) -> dict[str, Any]:
        while reference := schema.get("$ref"):
            schema = self.document
            for part in reference.removeprefix("#/").split("/"):
                schema = schema[part]
        return schema

    def send_files(self, path: str, files: list[bytes]) -> dict[str, Any]:
        content = self.document["paths"][path]["post"]["requestBody"]["content"]
        schema = self.resolved(content["multipart/form-data"]["schema"])
        [(field, described)] = schema["properties"].items()
        assert described["items"]["format"] == "binary"
        return self.http.post(path, files=[(field, ("f", one)) for one in files]).json()

    def send_json(self, path: str, texts: list[str]) -> dict[str, Any]:
        content = self.document["paths"][path]["post"]["requestBody"]["content"]
        schema = self.resolved(content["application/json"]["schema"])
        [field] = schema["required"]
        [data] = self.resolved(schema["properties"][field]["items"])["required"]
        return self.http.post(path, json={field: [{data: one} for one in texts]}).json()


def test_a_client_of_the_document_alone_gets_faces(service: TestClient, red: bytes) -> None:
    client = DocumentClient(service)
    for answer in (
        client.send_files("/v1/faces", [red, red]),
        client.send_json("/v1/faces", [base64.b64encode(red).decode()] * 2),
    ):
        model = answer["model"]["labels"][0]
        for image in answer["images"]:
            [face] = image["faces"]
            assert set(face["predictions"][0]["probabilities"]) == set(model["classes"])


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics", "/v1/models"])
def test_what_is_read_is_as_described(service: TestClient, path: str) -> None:
    response = service.get(path)
    assert response.is_success
    check_against_document(service, response)


def test_every_reference_of_the_document_leads_somewhere(service: TestClient) -> None:
    client = DocumentClient(service)
    text = json.dumps(client.document)
    references = {part.split('"')[0] for part in text.split('"$ref": "')[1:]}
    assert "#/components/schemas/FacesRequest" in references
    for reference in references:
        assert client.resolved({"$ref": reference})
