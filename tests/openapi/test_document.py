"""The OpenAPI document of the admin API, read by somebody else's validator."""

import jsonschema
from openapi_spec_validator import OpenAPIV31SpecValidator

# What a path's question takes beyond its path, where it takes something.
QUESTIONS = {"/admin/v1/explain": "?model=fast"}


def test_it_is_a_document_of_openapi(document):
    wrong = [f"{list(error.absolute_path)}: {error.message}" for error in OpenAPIV31SpecValidator(document).iter_errors()]
    assert not wrong


def test_answers_are_what_it_says(api, document):
    """Every path that is only asked, answered as it is told, or refused as all refusals are."""
    asked = 0
    for path, methods in document["paths"].items():
        if "get" not in methods or path.endswith("/live"):
            continue
        status, kind, said = api(path.replace("{", "").replace("}", "") + QUESTIONS.get(path, ""))
        told = methods["get"]["responses"]["200"]["content"]
        if status != 200:
            told = document["components"]["responses"]["Refused"]["content"]
        schema = told[kind]["schema"]
        if kind == "application/json":
            jsonschema.Draft202012Validator({**schema, "components": document["components"]}).validate(said)
        asked += 1
    assert asked > 10
