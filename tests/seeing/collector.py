"""A collector that reads OTLP with OpenTelemetry's own messages, over HTTP and gRPC."""

import contextlib
import threading
from concurrent import futures
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import grpc
from opentelemetry.proto.collector.metrics.v1 import metrics_service_pb2, metrics_service_pb2_grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2, trace_service_pb2_grpc

MESSAGES = {
    "/v1/traces": trace_service_pb2.ExportTraceServiceRequest,
    "/v1/metrics": metrics_service_pb2.ExportMetricsServiceRequest,
}


class Seen:
    """What was sent so far: messages, and the headers that came with each."""

    def __init__(self):
        self.messages = []
        self.headers = []

    def take(self, message, headers):
        self.headers.append({name.lower(): value for name, value in headers})
        self.messages.append(message)

    def spans(self):
        traces = [message for message in self.messages if hasattr(message, "resource_spans")]
        return [span for trace in traces for of in trace.resource_spans for scope in of.scope_spans for span in scope.spans]

    def metrics(self):
        """The latest metrics, by name."""
        latest = [message for message in self.messages if hasattr(message, "resource_metrics")][-1:]
        found = [metric for sent in latest for of in sent.resource_metrics for scope in of.scope_metrics for metric in scope.metrics]
        return {metric.name: metric for metric in found}

    def services(self):
        every = [of for message in self.messages for of in getattr(message, "resource_spans", None) or message.resource_metrics]
        return {pair.value.string_value for of in every for pair in of.resource.attributes if pair.key == "service.name"}


@contextlib.contextmanager
def over_http():
    seen = Seen()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["content-length"]))
            message = MESSAGES[self.path]()
            # Raises on what is no such message.
            message.ParseFromString(body)
            seen.take(message, self.headers.items())
            self.send_response(200)
            self.send_header("content-length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", seen
    finally:
        server.shutdown()


@contextlib.contextmanager
def over_grpc():
    seen = Seen()

    class Traces(trace_service_pb2_grpc.TraceServiceServicer):
        def Export(self, request, context):
            seen.take(request, context.invocation_metadata())
            return trace_service_pb2.ExportTraceServiceResponse()

    class Metrics(metrics_service_pb2_grpc.MetricsServiceServicer):
        def Export(self, request, context):
            seen.take(request, context.invocation_metadata())
            return metrics_service_pb2.ExportMetricsServiceResponse()

    server = grpc.server(futures.ThreadPoolExecutor(max_workers=2))
    trace_service_pb2_grpc.add_TraceServiceServicer_to_server(Traces(), server)
    metrics_service_pb2_grpc.add_MetricsServiceServicer_to_server(Metrics(), server)
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"http://127.0.0.1:{port}", seen
    finally:
        server.stop(None)
