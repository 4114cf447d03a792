"""Python `boto3`, the Converse API of `bedrock-runtime`, with a bearer key."""

import json

import boto3
from botocore import UNSIGNED
from botocore.config import Config
from botocore.eventstream import ParserError
from botocore.exceptions import ClientError, EventStreamError, HTTPClientError
from botocore.validate import ParamValidator

from words import Answer, Call, Client, Model, Results, Usage, User, is_cut

ENDS = {"end_turn": "stop", "stop_sequence": "stop", "max_tokens": "length", "tool_use": "calls"}


class Bedrock(Client):
    name = "boto3"
    speaks = "bedrock"

    def __init__(self, host, key):
        # By itself the SDK sends a bearer key (AWS_BEARER_TOKEN_BEDROCK) over TLS only.
        config = Config(
            signature_version=UNSIGNED, retries={"total_max_attempts": 1}, read_timeout=20, connect_timeout=5
        )
        self.sdk = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=host, config=config)
        self.sdk.meta.events.register(
            "before-call.bedrock-runtime",
            lambda params, **_: params["headers"].update({"Authorization": f"Bearer {key}"}),
        )

    def ask(self, model, ask):
        response = self.sdk.converse(**request(model, ask))
        self.validate("Converse", response)
        message = response["output"]["message"]
        return answer(message["content"], response["stopReason"], response["usage"], ask.schema)

    def stream(self, model, ask):
        response = self.sdk.converse_stream(**request(model, ask))
        blocks, reason, usage = {}, None, None
        for event in response["stream"]:
            self.validate_event(event)
            [(kind, event)] = event.items()
            match kind:
                case "messageStart":
                    assert event["role"] == "assistant"
                case "contentBlockStart":
                    use = event["start"]["toolUse"]
                    blocks[event["contentBlockIndex"]] = {"toolUse": {**use, "input": ""}}
                case "contentBlockDelta":
                    add(blocks, event["contentBlockIndex"], event["delta"])
                    if "text" in event["delta"]:
                        yield event["delta"]["text"]
                case "contentBlockStop":
                    assert event["contentBlockIndex"] in blocks, "a block stops that did not start"
                case "messageStop":
                    reason = event["stopReason"]
                case "metadata":
                    usage = event["usage"]
        content = [blocks[index] for index in sorted(blocks)]
        for block in content:
            if "toolUse" in block:
                block["toolUse"]["input"] = json.loads(block["toolUse"]["input"] or "{}")
        return answer(content, reason, usage, ask.schema)

    def count(self, model, ask):
        asked = request(model, ask)
        converse = {name: asked[name] for name in ("messages", "system", "toolConfig") if name in asked}
        return self.sdk.count_tokens(modelId=model, input={"converse": converse})["inputTokens"]

    def kind(self, error):
        known = self.sdk.exceptions
        match error:
            case known.ResourceNotFoundException():
                return "not found"
            case known.AccessDeniedException():
                return "unauthorised"
            case known.ThrottlingException():
                return "limited"
            case known.ValidationException():
                return "refused"
            case known.ServiceUnavailableException() | known.InternalServerException() | known.ModelErrorException():
                return "unavailable"
            case known.ModelTimeoutException():
                return "unavailable"
            case EventStreamError() | ParserError() | HTTPClientError():
                return "broken stream"
            case ClientError():
                code = error.response["Error"]["Code"]
                return "unauthorised" if code == "UnrecognizedClientException" else None
            case _:
                return "broken stream" if is_cut(error) else None

    def told(self, error):
        found = error.response["Error"]
        assert found["Code"].endswith("Exception"), found
        return found["Message"]

    # The SDK reads what it knows and looks at nothing else; what its model says of answers is checked here.

    def validate(self, operation, response):
        shape = self.sdk.meta.service_model.operation_model(operation).output_shape
        check(shape, {name: value for name, value in response.items() if name != "ResponseMetadata"})

    def validate_event(self, event):
        check(self.sdk.meta.service_model.shape_for("ConverseStreamOutput"), event)


def check(shape, value):
    report = ParamValidator().validate(value, shape)
    assert not report.has_errors(), report.generate_report()


def add(blocks, index, delta):
    """Blocks of text and of thinking begin with their first delta."""
    [(kind, piece)] = delta.items()
    match kind:
        case "text":
            blocks.setdefault(index, {"text": ""})["text"] += piece
        case "toolUse":
            blocks[index]["toolUse"]["input"] += piece["input"]
        case "reasoningContent":
            thought = blocks.setdefault(index, {"reasoningContent": {}})["reasoningContent"]
            [(kind, piece)] = piece.items()
            if kind == "redactedContent":
                thought[kind] = piece
            else:
                text = thought.setdefault("reasoningText", {"text": ""})
                text[kind] = text.get(kind, "") + piece


def request(model, ask):
    asked = {"modelId": model, "messages": list(messages(ask))}
    if ask.system:
        asked["system"] = [{"text": ask.system}]
    if ask.tools:
        specs = [
            {"toolSpec": {"name": tool.name, "description": tool.description, "inputSchema": {"json": tool.parameters}}}
            for tool in ask.tools
        ]
        asked["toolConfig"] = {"tools": specs}
    if ask.force:
        asked["toolConfig"]["toolChoice"] = {"tool": {"name": ask.force}}
    if ask.schema:
        schema = {"name": ask.schema.__name__, "schema": json.dumps(strict(ask.schema))}
        asked["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": schema}}}
    if ask.think:
        thinking = {"type": "enabled", "budget_tokens": 1024}
        asked["additionalModelRequestFields"] = {"thinking": thinking}
        asked["inferenceConfig"] = {"maxTokens": 4096}
    if ask.limit:
        asked["inferenceConfig"] = {"maxTokens": ask.limit}
    return asked


def strict(schema):
    return {**schema.model_json_schema(), "additionalProperties": False}


def messages(ask):
    for turn in ask.turns:
        match turn:
            case User(text, image):
                content = [{"text": text}]
                if image:
                    content.append({"image": {"format": "png", "source": {"bytes": image}}})
                yield {"role": "user", "content": content}
            case Model(str(text)):
                yield {"role": "assistant", "content": [{"text": text}]}
            case Model(said):
                yield {"role": "assistant", "content": said.turn}
            case Results(results):
                content = [
                    {"toolResult": {"toolUseId": call.id, "content": [{"text": text}]}} for call, text in results
                ]
                yield {"role": "user", "content": content}


def answer(content, reason, usage, schema):
    uses = [block["toolUse"] for block in content if "toolUse" in block]
    thoughts = [block["reasoningContent"].get("reasoningText", {}) for block in content if "reasoningContent" in block]
    text = "".join(block.get("text", "") for block in content)
    return Answer(
        text=text,
        end=ENDS[reason],
        usage=usage
        and Usage(
            usage["inputTokens"] + usage.get("cacheReadInputTokens", 0) + usage.get("cacheWriteInputTokens", 0),
            usage["outputTokens"],
            usage["totalTokens"],
        ),
        calls=tuple(Call(use["toolUseId"], use["name"], use["input"]) for use in uses),
        thinking="".join(thought.get("text", "") for thought in thoughts),
        parsed=schema.model_validate_json(text) if schema else None,
        turn=content,
    )
