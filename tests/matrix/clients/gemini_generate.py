"""Python `google-genai`, on the API version it uses by itself and on the one that most other clients use."""

from google import genai
from google.genai import errors, types

from words import Answer, Call, Client, Model, Results, StreamFailed, Usage, User, is_cut

KINDS = {404: "not found", 401: "unauthorised", 429: "limited", 400: "refused"}


class Gemini(Client):
    name = "google-genai v1"
    speaks = "gemini"
    version = "v1"

    def __init__(self, host, key):
        options = types.HttpOptions(base_url=host, api_version=self.version, timeout=20_000)
        self.sdk = genai.Client(api_key=key, vertexai=False, http_options=options)

    def ask(self, model, ask):
        return answer([self.sdk.models.generate_content(**request(model, ask))])

    def stream(self, model, ask):
        chunks = []
        try:
            for chunk in self.sdk.models.generate_content_stream(**request(model, ask)):
                chunks.append(chunk)
                for part in parts([chunk]):
                    if part.text and not part.thought:
                        yield part.text
        except errors.APIError as error:
            # The SDK raises the same for a stream that is refused and for one that breaks.
            if chunks:
                raise StreamFailed(error) from error
            raise
        return answer(chunks)

    def count(self, model, ask):
        asked = request(model, ask)
        del asked["config"]
        return self.sdk.models.count_tokens(**asked).total_tokens

    def models(self):
        return [model.name.removeprefix("models/") for model in self.sdk.models.list()]

    def kind(self, error):
        match error:
            case StreamFailed():
                return "broken stream"
            case errors.ClientError() if "API_KEY_INVALID" in str(error):
                # The provider has 400 for it.
                return "unauthorised"
            case errors.ClientError() if error.code in KINDS:
                return KINDS[error.code]
            case errors.ServerError():
                return "unavailable"
            case errors.APIError() | errors.UnknownApiResponseError():
                return "broken stream"
            case _:
                return "broken stream" if is_cut(error) else None

    def told(self, error):
        assert isinstance(error.status, str) and error.status.isupper(), error.details
        return error.message


class GeminiBeta(Gemini):
    name = "google-genai v1beta"
    version = "v1beta"


def request(model, ask):
    config = types.GenerateContentConfig(
        # The application runs its tools itself.
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
    )
    if ask.system:
        config.system_instruction = ask.system
    if ask.tools:
        declarations = [
            types.FunctionDeclaration(
                name=tool.name, description=tool.description, parameters_json_schema=tool.parameters
            )
            for tool in ask.tools
        ]
        config.tools = [types.Tool(function_declarations=declarations)]
    if ask.force:
        calling = types.FunctionCallingConfig(mode="ANY", allowed_function_names=[ask.force])
        config.tool_config = types.ToolConfig(function_calling_config=calling)
    if ask.schema:
        config.response_mime_type = "application/json"
        config.response_schema = ask.schema
    if ask.think:
        config.thinking_config = types.ThinkingConfig(include_thoughts=True, thinking_budget=1024)
    if ask.limit:
        config.max_output_tokens = ask.limit
    return {"model": model, "contents": list(contents(ask)), "config": config}


def contents(ask):
    for turn in ask.turns:
        match turn:
            case User(text, image):
                sent = [types.Part.from_text(text=text)]
                if image:
                    sent.append(types.Part.from_bytes(data=image, mime_type="image/png"))
                yield types.Content(role="user", parts=sent)
            case Model(str(text)):
                yield types.Content(role="model", parts=[types.Part.from_text(text=text)])
            case Model(said):
                yield said.turn
            case Results(results):
                sent = [
                    types.Part(
                        function_response=types.FunctionResponse(
                            id=call.id or None, name=call.name, response={"output": text}
                        )
                    )
                    for call, text in results
                ]
                yield types.Content(role="user", parts=sent)


def parts(chunks):
    """Of the one candidate of each chunk; an answer may have chunks without any part."""
    for chunk in chunks:
        for candidate in chunk.candidates or []:
            yield from (candidate.content and candidate.content.parts) or []


def answer(chunks):
    found = list(parts(chunks))
    calls = [part.function_call for part in found if part.function_call]
    [reason] = [c.finish_reason for chunk in chunks for c in chunk.candidates or [] if c.finish_reason]
    end = {types.FinishReason.STOP: "calls" if calls else "stop", types.FinishReason.MAX_TOKENS: "length"}[reason]
    usage = next((chunk.usage_metadata for chunk in reversed(chunks) if chunk.usage_metadata), None)
    return Answer(
        text="".join(part.text for part in found if part.text and not part.thought),
        end=end,
        usage=usage
        and Usage(
            usage.prompt_token_count,
            (usage.candidates_token_count or 0) + (usage.thoughts_token_count or 0),
            usage.total_token_count,
        ),
        calls=tuple(Call(call.id or "", call.name, call.args or {}) for call in calls),
        thinking="".join(part.text for part in found if part.text and part.thought),
        parsed=chunks[0].parsed if len(chunks) == 1 else None,
        turn=types.Content(role="model", parts=found),
    )
