"""What a collector is sent, read with OpenTelemetry's own messages."""

import time

import collector
import pytest

TRACE = "0af7651916cd43dd8448eb211c80319c"
ASKER = "b7ad6b7169203331"


def wait_for(found):
    for _ in range(300):
        if value := found():
            return value
        time.sleep(0.1)
    pytest.fail("it did not come within half a minute")


def attributes(span):
    return {pair.key: getattr(pair.value, pair.value.WhichOneof("value")) for pair in span.attributes}


@pytest.mark.parametrize("way", ["config over http", "config over grpc", "environment over http", "environment over grpc"])
def test_a_collector_understands_all_of_it(gateway, way):
    is_grpc = way.endswith("grpc")
    with collector.over_grpc() if is_grpc else collector.over_http() as (endpoint, seen):
        if way.startswith("config"):
            protocol = "grpc" if is_grpc else "http"
            otlp = {"endpoint": endpoint, "protocol": protocol, "headers": {"x-shown": "yes"}, "interval": "500ms"}
            gateway = gateway({"telemetry": {"otlp": otlp, "service_name": "quay"}})
        else:
            gateway = gateway(
                environment={
                    "OTEL_EXPORTER_OTLP_ENDPOINT": endpoint,
                    "OTEL_EXPORTER_OTLP_PROTOCOL": "grpc" if is_grpc else "http/protobuf",
                    "OTEL_EXPORTER_OTLP_HEADERS": "x-shown=yes",
                    "OTEL_METRIC_EXPORT_INTERVAL": "500",
                    "OTEL_SERVICE_NAME": "quay",
                }
            )
        gateway.ask(stream=True, headers={"traceparent": f"00-{TRACE}-{ASKER}-01"})
        call, attempt = wait_for(seen.spans)
        assert (call.trace_id.hex(), call.parent_span_id.hex()) == (TRACE, ASKER)
        assert (attempt.trace_id, attempt.parent_span_id) == (call.trace_id, call.span_id)
        assert (call.kind, attempt.kind) == (call.SPAN_KIND_SERVER, call.SPAN_KIND_CLIENT)
        assert call.start_time_unix_nano <= attempt.start_time_unix_nano < attempt.end_time_unix_nano <= call.end_time_unix_nano
        assert abs(call.end_time_unix_nano / 1e9 - time.time()) < 60
        said = attributes(call)
        assert said["gen_ai.operation.name"] == "chat"
        assert said["gen_ai.provider.name"] == "openai"
        assert said["gen_ai.request.model"] == "fast"
        assert said["gen_ai.usage.output_tokens"] > 0
        assert said["http.response.status_code"] == 200
        assert attributes(attempt)["gen_ai.request.model"] == "gpt-4o-mini"

        def counted():
            metrics = seen.metrics()
            return metrics if "gen_ai.client.operation.duration" in metrics else None

        metrics = wait_for(counted)
        (point,) = metrics["gen_ai.client.operation.duration"].histogram.data_points
        assert point.count == 1 and sum(point.bucket_counts) == 1
        assert list(point.explicit_bounds) == [0.01 * 2**power for power in range(14)]
        assert len(point.bucket_counts) == len(point.explicit_bounds) + 1
        requests = metrics["lockgate_requests"].sum
        assert requests.is_monotonic and requests.aggregation_temporality == 2
        assert [point.as_int for point in requests.data_points] == [1]
        assert metrics["process_resident_memory_bytes"].gauge.data_points[0].as_double > 1e6
        assert seen.services() == {"quay"}
        assert all(headers["x-shown"] == "yes" for headers in seen.headers)
        every = b"".join(message.SerializeToString() for message in seen.messages)
        assert b"a word of the prompt" not in every
        assert gateway.client_key.encode() not in every
