// `openai`, the Responses API.

import { kind, list, sdk, told } from "./openai_chat.mjs";
import { StreamFailed, assert, pngUrl } from "./words.mjs";

export function connect(host, key) {
  const client = sdk(host, key);
  return {
    kind: (error) => (error instanceof StreamFailed ? "broken stream" : kind(error)),
    told,
    ask: async (model, ask) => answer(await client.responses[ask.schema ? "parse" : "create"](request(model, ask))),
    async *stream(model, ask) {
      let final;
      let last = -1;
      for await (const event of await client.responses.create({ ...request(model, ask), stream: true })) {
        assert(!final, `${event.type} after the end`);
        assert(event.sequence_number === ++last, `${event.type} has ${event.sequence_number}, not ${last}`);
        if (event.type === "response.failed") throw new StreamFailed(event.response.error.message);
        if (event.type === "response.output_text.delta") yield event.delta;
        if (["response.completed", "response.incomplete"].includes(event.type)) final = event.response;
      }
      assert(final, "the stream has no end");
      return answer(final);
    },
    async count(model, ask) {
      const { include, store, max_output_tokens, ...counted } = request(model, ask);
      return (await client.responses.inputTokens.count(counted)).input_tokens;
    },
    models: () => list(client.models.list()),
  };
}

function request(model, ask) {
  const request = { model, input: [...items(ask)], store: false };
  if (ask.system) request.instructions = ask.system;
  if (ask.tools.length) request.tools = ask.tools.map((tool) => ({ type: "function", ...tool, strict: false }));
  if (ask.force) request.tool_choice = { type: "function", name: ask.force };
  if (ask.think) {
    request.reasoning = { effort: "low", summary: "auto" };
    request.include = ["reasoning.encrypted_content"];
  }
  if (ask.limit) request.max_output_tokens = ask.limit;
  if (ask.schema) request.text = { format: { type: "json_schema", name: "answer", schema: ask.schema, strict: true } };
  return request;
}

function* items(ask) {
  for (const { user, model, results } of ask.turns) {
    if (user?.image) {
      const image = { type: "input_image", image_url: pngUrl(user.image), detail: "low" };
      yield { role: "user", content: [{ type: "input_text", text: user.text }, image] };
    } else if (user) yield { role: "user", content: user.text };
    else if (typeof model === "string") yield { role: "assistant", content: model };
    else if (model) yield* model;
    else for (const { call, text } of results) yield { type: "function_call_output", call_id: call.id, output: text };
  }
}

function answer(response) {
  const ofType = (type) => response.output.filter((item) => item.type === type);
  const calls = ofType("function_call").map(({ call_id, name, arguments: json }) => ({
    id: call_id,
    name,
    arguments: JSON.parse(json),
  }));
  const texts = ofType("message").flatMap((message) => message.content.map((part) => part.text ?? ""));
  const thoughts = ofType("reasoning").flatMap((item) => [...item.summary, ...(item.content ?? [])]);
  const { usage } = response;
  return {
    text: texts.join(""),
    end: response.status === "incomplete" ? "length" : calls.length ? "calls" : "stop",
    usage: usage && { input: usage.input_tokens, output: usage.output_tokens, total: usage.total_tokens },
    calls,
    thinking: thoughts.map((part) => part.text).join("\n"),
    parsed: response.output_parsed ?? null,
    // What the SDK adds for reading is not to be sent.
    turn: response.output.map(({ parsed_arguments, ...item }) => item),
  };
}
