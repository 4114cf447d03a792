"""Python `openai`, the Responses API."""

import json

from clients.openai_chat import data_url, kind, sdk, told
from words import Answer, Call, Client, Model, Results, StreamFailed, Usage, User


class OpenAiResponses(Client):
    name = "openai responses"
    speaks = "openai-responses"

    def __init__(self, host, key):
        self.sdk = sdk(host, key)

    def ask(self, model, ask):
        if ask.schema:
            return answer(self.sdk.responses.parse(**self.request(model, ask), text_format=ask.schema))
        return answer(self.sdk.responses.create(**self.request(model, ask)))

    def stream(self, model, ask):
        last = -1
        final = None
        for event in self.sdk.responses.create(**self.request(model, ask), stream=True):
            assert final is None, f"{event.type} after the end"
            assert event.sequence_number == last + 1, f"{event.type} has {event.sequence_number} after {last}"
            last = event.sequence_number
            match event.type:
                case "error":
                    raise StreamFailed(event.message)
                case "response.failed":
                    raise StreamFailed(event.response.error.message)
                case "response.output_text.delta":
                    yield event.delta
                case "response.completed" | "response.incomplete":
                    final = event.response
        assert final, "the stream has no end"
        return answer(final)

    def count(self, model, ask):
        request = self.request(model, ask)
        for name in ("include", "store", "max_output_tokens"):
            request.pop(name, None)
        return self.sdk.responses.input_tokens.count(**request).input_tokens

    def models(self):
        return [model.id for model in self.sdk.models.list()]

    def kind(self, error):
        return "broken stream" if isinstance(error, StreamFailed) else kind(error)

    def told(self, error):
        return told(error)

    def request(self, model, ask):
        request = {"model": model, "input": list(items(ask)), "store": False}
        if ask.system:
            request["instructions"] = ask.system
        if ask.tools:
            request["tools"] = [
                {
                    "type": "function",
                    "name": tool.name,
                    "description": tool.description,
                    "parameters": tool.parameters,
                    "strict": False,
                }
                for tool in ask.tools
            ]
        if ask.force:
            request["tool_choice"] = {"type": "function", "name": ask.force}
        if ask.think:
            request["reasoning"] = {"effort": "low", "summary": "auto"}
            request["include"] = ["reasoning.encrypted_content"]
        if ask.limit:
            request["max_output_tokens"] = ask.limit
        return request


def items(ask):
    for turn in ask.turns:
        match turn:
            case User(text, None):
                yield {"role": "user", "content": text}
            case User(text, image):
                parts = [
                    {"type": "input_text", "text": text},
                    {"type": "input_image", "image_url": data_url(image), "detail": "low"},
                ]
                yield {"role": "user", "content": parts}
            case Model(str(text)):
                yield {"role": "assistant", "content": text}
            case Model(said):
                yield from said.turn
            case Results(results):
                for call, text in results:
                    yield {"type": "function_call_output", "call_id": call.id, "output": text}


def answer(response):
    calls = [
        Call(item.call_id, item.name, json.loads(item.arguments))
        for item in response.output
        if item.type == "function_call"
    ]
    thoughts = [
        part.text for item in response.output if item.type == "reasoning" for part in [*item.summary, *(item.content or [])]
    ]
    incomplete = response.incomplete_details and response.incomplete_details.reason
    end = {"max_output_tokens": "length", None: "calls" if calls else "stop"}[incomplete]
    assert response.status == ("incomplete" if incomplete else "completed")
    usage = response.usage
    return Answer(
        text=response.output_text,
        end=end,
        usage=usage and Usage(usage.input_tokens, usage.output_tokens, usage.total_tokens),
        calls=tuple(calls),
        thinking="\n".join(thoughts),
        parsed=getattr(response, "output_parsed", None),
        turn=[item.model_dump(exclude_none=True) for item in response.output],
    )
