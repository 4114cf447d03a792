"""Python `ollama`."""

import dataclasses

import ollama

from words import Answer, Call, Client, Model, Results, Usage, User, is_cut

KINDS = {404: "not found", 401: "unauthorised", 429: "limited", 400: "refused"}


class Ollama(Client):
    name = "ollama"
    speaks = "ollama"

    def __init__(self, host, key):
        self.sdk = ollama.Client(host=host, headers={"authorization": f"Bearer {key}"}, timeout=20)

    def ask(self, model, ask):
        found = answer([self.sdk.chat(**request(model, ask))])
        # The SDK leaves the reading of a structured answer to the application.
        return dataclasses.replace(found, parsed=ask.schema.model_validate_json(found.text)) if ask.schema else found

    def stream(self, model, ask):
        chunks = []
        for chunk in self.sdk.chat(**request(model, ask), stream=True):
            assert not (chunks and chunks[-1].done), "a line after the last"
            chunks.append(chunk)
            if chunk.message.content:
                yield chunk.message.content
        # Where the body just ends, the SDK says nothing: the last line is what tells.
        assert chunks and chunks[-1].done, "the stream has no end"
        return answer(chunks)

    def models(self):
        return [model.model for model in self.sdk.list().models]

    def kind(self, error):
        match error:
            # Inside a stream there is no status.
            case ollama.ResponseError(status_code=-1):
                return "broken stream"
            case ollama.ResponseError(status_code=status):
                return KINDS.get(status, "unavailable" if status >= 500 else None)
            case _:
                return "broken stream" if is_cut(error) else None

    def told(self, error):
        # An error of another form is left as the text of its JSON, or as an object.
        assert isinstance(error.error, str) and not error.error.startswith("{"), error.error
        return error.error


def request(model, ask):
    asked = {"model": model, "messages": list(messages(ask))}
    if ask.tools:
        asked["tools"] = [
            {
                "type": "function",
                "function": {"name": tool.name, "description": tool.description, "parameters": tool.parameters},
            }
            for tool in ask.tools
        ]
    if ask.schema:
        asked["format"] = ask.schema.model_json_schema()
    if ask.think:
        asked["think"] = True
    if ask.limit:
        asked["options"] = {"num_predict": ask.limit}
    return asked


def messages(ask):
    if ask.system:
        yield {"role": "system", "content": ask.system}
    for turn in ask.turns:
        match turn:
            case User(text, None):
                yield {"role": "user", "content": text}
            case User(text, image):
                yield {"role": "user", "content": text, "images": [image]}
            case Model(str(text)):
                yield {"role": "assistant", "content": text}
            case Model(said):
                yield said.turn
            case Results(results):
                for call, text in results:
                    yield {"role": "tool", "tool_name": call.name, "content": text}


def answer(chunks):
    said = [chunk.message for chunk in chunks]
    text = "".join(message.content or "" for message in said)
    thinking = "".join(message.thinking or "" for message in said)
    wire_calls = [call for message in said for call in message.tool_calls or []]
    calls = tuple(Call("", call.function.name, dict(call.function.arguments)) for call in wire_calls)
    last = chunks[-1]
    assert last.created_at and last.done
    return Answer(
        text=text,
        end={"stop": "calls" if calls else "stop", "length": "length"}[last.done_reason],
        usage=Usage(last.prompt_eval_count, last.eval_count) if last.eval_count is not None else None,
        calls=calls,
        thinking=thinking,
        turn=ollama.Message(role="assistant", content=text, thinking=thinking or None, tool_calls=wire_calls or None),
    )
