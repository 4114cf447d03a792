"""Python `openai`, chat completions."""

import base64
import json

import openai
from openai.types.chat import ChatCompletionMessage

from words import Answer, Call, Client, Model, Results, Usage, User

# From the most special to the most general.
KINDS = [
    # Not a failure that was told, but an answer that is none.
    (openai.APIResponseValidationError, None),
    (openai.NotFoundError, "not found"),
    (openai.AuthenticationError, "unauthorised"),
    (openai.RateLimitError, "limited"),
    (openai.BadRequestError, "refused"),
    (openai.InternalServerError, "unavailable"),
    (openai.APIStatusError, None),
    (openai.APIConnectionError, "broken stream"),
    # The class of errors inside a stream itself.
    (openai.APIError, "broken stream"),
]


def sdk(host, key):
    """Strict validation makes the SDK refuse answers that are not of its types, which it else passes on as they are."""
    return openai.OpenAI(
        base_url=f"{host}/v1", api_key=key, max_retries=0, timeout=20, _strict_response_validation=True
    )


def kind(error):
    return next((kind for known, kind in KINDS if isinstance(error, known)), None)


def told(error):
    # The SDK has taken what is under `error` out of the body.
    assert isinstance(error.body, dict) and isinstance(error.body["type"], str), error.body
    return error.body["message"]


def data_url(image):
    return "data:image/png;base64," + base64.b64encode(image).decode()


class OpenAiChat(Client):
    name = "openai chat"
    speaks = "openai-chat"

    def __init__(self, host, key):
        self.sdk = sdk(host, key)

    def ask(self, model, ask):
        if ask.schema:
            completion = self.sdk.chat.completions.parse(**self.request(model, ask), response_format=ask.schema)
        else:
            completion = self.sdk.chat.completions.create(**self.request(model, ask))
        [choice] = completion.choices
        return answer(choice.message, choice.finish_reason, completion.usage)

    def stream(self, model, ask):
        """By hand: the SDK's own assembly takes the end `length` for an error, and adds fields that must not go back."""
        request = self.request(model, ask)
        text, thinking, calls, finish_reason, usage = "", "", {}, None, None
        for chunk in self.sdk.chat.completions.create(**request, stream=True, stream_options={"include_usage": True}):
            usage = chunk.usage or usage
            for choice in chunk.choices:
                assert choice.index == 0
                assert not (finish_reason and choice.finish_reason), "the answer ends twice"
                finish_reason = choice.finish_reason or finish_reason
                text += choice.delta.content or ""
                thinking += getattr(choice.delta, "reasoning_content", None) or ""
                for delta in choice.delta.tool_calls or []:
                    add(calls, delta)
                if choice.delta.content:
                    yield choice.delta.content
        assert finish_reason, "the stream has no end"
        message = {"role": "assistant", "content": text or None}
        if calls:
            message["tool_calls"] = [calls[index] for index in sorted(calls)]
        message = ChatCompletionMessage.model_validate(message)
        return answer(message, finish_reason, usage, thinking)

    def models(self):
        return [model.id for model in self.sdk.models.list()]

    def kind(self, error):
        return kind(error)

    def told(self, error):
        return told(error)

    def request(self, model, ask):
        request = {"model": model, "messages": list(messages(ask))}
        if ask.tools:
            request["tools"] = [{"type": "function", "function": function(tool)} for tool in ask.tools]
        if ask.force:
            request["tool_choice"] = {"type": "function", "function": {"name": ask.force}}
        if ask.think:
            request["reasoning_effort"] = "low"
        if ask.limit:
            request["max_completion_tokens"] = ask.limit
        return request


def add(calls, delta):
    """Id and name come whole and with the first piece of a call."""
    if delta.index not in calls:
        function = {"name": delta.function.name, "arguments": ""}
        calls[delta.index] = {"id": delta.id, "type": "function", "function": function}
    calls[delta.index]["function"]["arguments"] += delta.function.arguments or ""


def function(tool):
    return {"name": tool.name, "description": tool.description, "parameters": tool.parameters}


def messages(ask):
    if ask.system:
        yield {"role": "system", "content": ask.system}
    for turn in ask.turns:
        match turn:
            case User(text, None):
                yield {"role": "user", "content": text}
            case User(text, image):
                parts = [
                    {"type": "text", "text": text},
                    {"type": "image_url", "image_url": {"url": data_url(image), "detail": "low"}},
                ]
                yield {"role": "user", "content": parts}
            case Model(str(text)):
                yield {"role": "assistant", "content": text}
            case Model(said):
                yield said.turn
            case Results(results):
                for call, text in results:
                    yield {"role": "tool", "tool_call_id": call.id, "content": text}


def answer(message, finish_reason, usage, thinking=None):
    calls = [
        Call(call.id, call.function.name, json.loads(call.function.arguments)) for call in message.tool_calls or []
    ]
    return Answer(
        text=message.content or "",
        end={"stop": "stop", "length": "length", "tool_calls": "calls"}[finish_reason],
        usage=usage and Usage(usage.prompt_tokens, usage.completion_tokens, usage.total_tokens),
        calls=tuple(calls),
        # No field of the SDK's types; where providers show thoughts in this dialect, they do it here.
        thinking=(getattr(message, "reasoning_content", None) if thinking is None else thinking) or "",
        parsed=getattr(message, "parsed", None),
        turn=message.model_dump(exclude_none=True, exclude={"parsed": True}),
    )
