"""Python `anthropic`."""

import base64

import anthropic

from words import Answer, Call, Client, Model, Results, Usage, User, is_cut

# From the most special to the most general.
KINDS = [
    # Not a failure that was told, but an answer that is none.
    (anthropic.APIResponseValidationError, None),
    (anthropic.NotFoundError, "not found"),
    (anthropic.AuthenticationError, "unauthorised"),
    (anthropic.RateLimitError, "limited"),
    (anthropic.BadRequestError, "refused"),
    (anthropic.InternalServerError, "unavailable"),
    (anthropic.APIStatusError, None),
    (anthropic.APIError, "broken stream"),
]
# Every request of this dialect has a limit; this one is above the budget for thinking.
LIMIT = 4096


class Anthropic(Client):
    name = "anthropic"
    speaks = "anthropic"

    def __init__(self, host, key):
        self.sdk = anthropic.Anthropic(
            base_url=host, api_key=key, max_retries=0, timeout=20, _strict_response_validation=True
        )

    def ask(self, model, ask):
        if ask.schema:
            return answer(self.sdk.messages.parse(**self.request(model, ask), output_format=ask.schema))
        return answer(self.sdk.messages.create(**self.request(model, ask)))

    def stream(self, model, ask):
        with self.sdk.messages.stream(**self.request(model, ask)) as stream:
            yield from stream.text_stream
            return answer(stream.get_final_message())

    def count(self, model, ask):
        request = self.request(model, ask)
        del request["max_tokens"]
        return self.sdk.messages.count_tokens(**request).input_tokens

    def models(self):
        return [model.id for model in self.sdk.models.list()]

    def kind(self, error):
        # An error inside a stream has the status of the stream.
        told_inside = type(error) is anthropic.APIStatusError and error.status_code == 200
        if is_cut(error) or told_inside:
            return "broken stream"
        return next((kind for known, kind in KINDS if isinstance(error, known)), None)

    def told(self, error):
        assert error.body["type"] == "error" and isinstance(error.body["error"]["type"], str), error.body
        return error.body["error"]["message"]

    def request(self, model, ask):
        request = {"model": model, "max_tokens": ask.limit or LIMIT, "messages": list(messages(ask))}
        if ask.system:
            request["system"] = ask.system
        if ask.tools:
            request["tools"] = [
                {"name": tool.name, "description": tool.description, "input_schema": tool.parameters}
                for tool in ask.tools
            ]
        if ask.force:
            request["tool_choice"] = {"type": "tool", "name": ask.force}
        if ask.think:
            request["thinking"] = {"type": "adaptive", "display": "summarized"}
            request["output_config"] = {"effort": "low"}
        return request


def messages(ask):
    for turn in ask.turns:
        match turn:
            case User(text, None):
                yield {"role": "user", "content": text}
            case User(text, image):
                data = base64.b64encode(image).decode()
                source = {"type": "base64", "media_type": "image/png", "data": data}
                yield {"role": "user", "content": [{"type": "text", "text": text}, {"type": "image", "source": source}]}
            case Model(str(text)):
                yield {"role": "assistant", "content": text}
            case Model(said):
                yield {"role": "assistant", "content": said.turn}
            case Results(results):
                blocks = [{"type": "tool_result", "tool_use_id": call.id, "content": text} for call, text in results]
                yield {"role": "user", "content": blocks}


def answer(message):
    of_kind = lambda kind: [block for block in message.content if block.type == kind]
    usage = message.usage
    cached = (usage.cache_read_input_tokens or 0) + (usage.cache_creation_input_tokens or 0)
    return Answer(
        text="".join(block.text for block in of_kind("text")),
        end={"end_turn": "stop", "max_tokens": "length", "tool_use": "calls"}[message.stop_reason],
        usage=Usage(usage.input_tokens + cached, usage.output_tokens),
        calls=tuple(Call(block.id, block.name, block.input) for block in of_kind("tool_use")),
        thinking="".join(block.thinking for block in of_kind("thinking")),
        parsed=getattr(message, "parsed_output", None),
        turn=[block.model_dump(exclude_none=True, exclude={"parsed_output"}) for block in message.content],
    )
