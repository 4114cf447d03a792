"""The JavaScript SDKs: each runs in a Node process of its own (`node/driver.mjs`), which is told what to do line by line."""

import atexit
import base64
import dataclasses
import json
import subprocess
from pathlib import Path

from words import Answer, Call, Client, Model, Results, Usage, User

FOLDER = Path(__file__).resolve().parents[1] / "node"


class NodeFailure(Exception):
    """What the SDK threw, and what kind of failure its module takes that for."""

    def __init__(self, text, kind, told):
        super().__init__(text)
        self.kind = kind
        self.told = told


class NodeClient(Client):
    # The file in `node/`.
    module: str

    def __init__(self, host, key):
        self.process = subprocess.Popen(
            ["node", FOLDER / "driver.mjs", f"./{self.module}", host, key],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
        )
        atexit.register(self.process.kill)

    def ask(self, model, ask):
        return read_answer(self.call("ask", model, ask), ask.schema)

    def stream(self, model, ask):
        self.send({"operation": "stream", "model": model, "ask": written(ask)})
        left = True
        try:
            while "piece" in (line := self.receive()):
                yield line["piece"]
            left = False
        finally:
            # Left early by whoever reads this, or by an exception, after which there is nothing to be read.
            if left and self.process.poll() is None:
                self.leave()
        return read_answer(result(line), ask.schema)

    def count(self, model, ask):
        return self.call("count", model, ask)

    def models(self):
        return self.call("models", None, None)

    def kind(self, error):
        return error.kind if isinstance(error, NodeFailure) else None

    def told(self, error):
        assert isinstance(error.told, str), error
        return error.told

    def call(self, operation, model, ask):
        self.send({"operation": operation, "model": model, "ask": ask and written(ask)})
        return result(self.receive())

    def leave(self):
        self.send("leave")
        while "piece" in self.receive():
            pass

    def send(self, line):
        self.process.stdin.write(json.dumps(line) + "\n")
        self.process.stdin.flush()

    def receive(self):
        line = self.process.stdout.readline()
        assert line, f"node ended with {self.process.wait()}"
        return json.loads(line)


def result(line):
    if "error" in line:
        raise NodeFailure(line["error"], line["kind"], line["told"])
    return line["answer"]


def written(ask):
    """As JSON; images in base64."""

    def turn(turn):
        match turn:
            case User(text, image):
                return {"user": {"text": text, "image": image and base64.b64encode(image).decode()}}
            case Model(said):
                return {"model": said if isinstance(said, str) else said.turn}
            case Results(results):
                return {"results": [{"call": dataclasses.asdict(call), "text": text} for call, text in results]}

    return {
        "turns": [turn(each) for each in ask.turns],
        "system": ask.system,
        "tools": [dataclasses.asdict(tool) for tool in ask.tools],
        "force": ask.force,
        "schema": ask.schema and {**ask.schema.model_json_schema(), "additionalProperties": False},
        "think": ask.think,
        "limit": ask.limit,
    }


def read_answer(found, schema):
    # Some SDKs read a structured answer, others leave it to the application.
    parsed = None
    if schema:
        parsed = schema.model_validate(found["parsed"] if found["parsed"] is not None else json.loads(found["text"]))
    return Answer(
        text=found["text"],
        end=found["end"],
        usage=found["usage"] and Usage(**found["usage"]),
        calls=tuple(Call(**call) for call in found["calls"]),
        thinking=found["thinking"],
        parsed=parsed,
        turn=found["turn"],
    )


class JsOpenAiChat(NodeClient):
    name = "js openai chat"
    speaks = "openai-chat"
    module = "openai_chat.mjs"


class JsOpenAiResponses(NodeClient):
    name = "js openai responses"
    speaks = "openai-responses"
    module = "openai_responses.mjs"


class JsAnthropic(NodeClient):
    name = "js anthropic"
    speaks = "anthropic"
    module = "anthropic_messages.mjs"


class JsGemini(NodeClient):
    name = "js genai"
    speaks = "gemini"
    module = "gemini_generate.mjs"


class JsOllama(NodeClient):
    name = "js ollama"
    speaks = "ollama"
    module = "ollama_chat.mjs"
