"""`/metrics`, as Prometheus' own parsers read it."""

import pytest
from prometheus_client import openmetrics, parser
from prometheus_client.openmetrics import parser as open_parser

FORMATS = [
    ("text/plain", "text/plain; version=0.0.4; charset=utf-8", parser.text_string_to_metric_families),
    (
        "application/openmetrics-text;version=1.0.0",
        openmetrics.exposition.CONTENT_TYPE_LATEST,
        open_parser.text_string_to_metric_families,
    ),
]


@pytest.mark.parametrize(("accept", "kind", "read"), FORMATS, ids=["prometheus", "openmetrics"])
def test_both_formats_are_what_they_should_be(gateway, accept, kind, read):
    gateway = gateway()
    gateway.ask()
    gateway.ask(stream=True)
    content_type, text = gateway.page(accept)
    assert content_type == kind
    families = {family.name: family for family in read(text)}
    of = lambda name: families[name.removesuffix("_total")] if name.removesuffix("_total") in families else families[name]
    requests = [sample for sample in of("lockgate_requests_total").samples if sample.name == "lockgate_requests_total"]
    assert [sample.value for sample in requests] == [2]
    expect = {"model": "fast", "deployment": "up/gpt-4o-mini#1", "dialect": "openai-chat", "status": "2xx", "ended": "answered"}
    assert expect.items() <= requests[0].labels.items()
    keys = {sample.labels["key"] for sample in of("lockgate_key_requests_total").samples}
    assert keys == {'a "quoted\\key'}
    duration = of("lockgate_request_duration_seconds")
    assert duration.type == "histogram"
    buckets = [sample for sample in duration.samples if sample.name.endswith("_bucket")]
    assert buckets[-1].labels["le"] == "+Inf" and buckets[-1].value == 2
    assert all(family.documentation for family in families.values())
