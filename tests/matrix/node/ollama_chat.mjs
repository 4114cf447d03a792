// `ollama`.

import { Ollama } from "ollama";
import { isCut } from "./openai_chat.mjs";
import { assert } from "./words.mjs";

const KINDS = { 404: "not found", 401: "unauthorised", 429: "limited", 400: "refused" };

function kind(error) {
  if (error.name === "ResponseError") {
    return KINDS[error.status_code] ?? (error.status_code >= 500 ? "unavailable" : null);
  }
  return error.inStream || isCut(error) ? "broken stream" : null;
}

export function connect(host, key) {
  const client = new Ollama({ host, headers: { authorization: `Bearer ${key}` } });
  return {
    kind,
    told: ({ error }) => (typeof error === "string" && !error.startsWith("{") ? error : null),
    ask: async (model, ask) => answer([await client.chat(request(model, ask))], ask),
    async *stream(model, ask) {
      const chunks = [];
      try {
        for await (const chunk of await client.chat({ ...request(model, ask), stream: true })) {
          chunks.push(chunk);
          if (chunk.message.content) yield chunk.message.content;
        }
      } catch (error) {
        // What the SDK throws there has no class of its own.
        if (chunks.length) error.inStream = true;
        throw error;
      }
      assert(chunks.at(-1)?.done, "the stream has no end");
      return answer(chunks, ask);
    },
    models: async () => (await client.list()).models.map((model) => model.model),
  };
}

function request(model, ask) {
  const request = { model, messages: [...messages(ask)] };
  if (ask.tools.length) request.tools = ask.tools.map((tool) => ({ type: "function", function: tool }));
  if (ask.schema) request.format = ask.schema;
  if (ask.think) request.think = true;
  if (ask.limit) request.options = { num_predict: ask.limit };
  return request;
}

function* messages(ask) {
  if (ask.system) yield { role: "system", content: ask.system };
  for (const { user, model, results } of ask.turns) {
    if (user) yield { role: "user", content: user.text, ...(user.image && { images: [user.image] }) };
    else if (typeof model === "string") yield { role: "assistant", content: model };
    else if (model) yield model;
    else for (const { call, text } of results) yield { role: "tool", tool_name: call.name, content: text };
  }
}

function answer(chunks, ask) {
  const said = chunks.map((chunk) => chunk.message);
  const content = said.map((message) => message.content ?? "").join("");
  const thinking = said.map((message) => message.thinking ?? "").join("");
  const tool_calls = said.flatMap((message) => message.tool_calls ?? []);
  const last = chunks.at(-1);
  const turn = { role: "assistant", content };
  if (thinking) turn.thinking = thinking;
  if (tool_calls.length) turn.tool_calls = tool_calls;
  return {
    text: content,
    end: { stop: tool_calls.length ? "calls" : "stop", length: "length" }[last.done_reason],
    usage: last.eval_count === undefined ? null : { input: last.prompt_eval_count, output: last.eval_count },
    calls: tool_calls.map(({ function: { name, arguments: given } }) => ({ id: "", name, arguments: given })),
    thinking,
    // The SDK leaves the reading of a structured answer to the application.
    parsed: ask.schema ? JSON.parse(content) : null,
    turn,
  };
}
