// `openai`, chat completions.

import OpenAI from "openai";
import { assert, pngUrl } from "./words.mjs";

export function kind(error) {
  if (error instanceof OpenAI.NotFoundError) return "not found";
  if (error instanceof OpenAI.AuthenticationError) return "unauthorised";
  if (error instanceof OpenAI.RateLimitError) return "limited";
  if (error instanceof OpenAI.BadRequestError) return "refused";
  if (error instanceof OpenAI.InternalServerError) return "unavailable";
  // Inside a stream there is no status; a cut one is a failure of the transport.
  if (error instanceof OpenAI.APIError && !error.status) return "broken stream";
  return isCut(error) ? "broken stream" : null;
}

export const told = (error) => error.error.type && error.error.message;

/** What `fetch` throws while a body is read. */
export function isCut(error) {
  return error instanceof TypeError && error.message === "terminated";
}

export const sdk = (host, key) => new OpenAI({ baseURL: `${host}/v1`, apiKey: key, maxRetries: 0, timeout: 20_000 });

export async function list(page) {
  const names = [];
  for await (const model of page) names.push(model.id);
  return names;
}

export function connect(host, key) {
  const client = sdk(host, key);
  return {
    kind,
    told,
    async ask(model, ask) {
      const completion = await client.chat.completions[ask.schema ? "parse" : "create"](request(model, ask));
      const [choice] = completion.choices;
      return answer(choice.message, choice.finish_reason, completion.usage);
    },
    async *stream(model, ask) {
      const options = { stream: true, stream_options: { include_usage: true } };
      const message = { role: "assistant", content: "", reasoning_content: "" };
      let end, usage;
      for await (const chunk of await client.chat.completions.create({ ...request(model, ask), ...options })) {
        usage = chunk.usage ?? usage;
        for (const { delta, finish_reason } of chunk.choices) {
          end = finish_reason ?? end;
          message.reasoning_content += delta.reasoning_content ?? "";
          for (const piece of delta.tool_calls ?? []) add((message.tool_calls ??= []), piece);
          if (delta.content) {
            message.content += delta.content;
            yield delta.content;
          }
        }
      }
      assert(end, "the stream has no end");
      if (!message.reasoning_content) delete message.reasoning_content;
      return answer(message, end, usage);
    },
    models: () => list(client.models.list()),
  };
}

function add(calls, { index, id, type, function: piece }) {
  calls[index] ??= { id, type: type ?? "function", function: { name: piece.name, arguments: "" } };
  calls[index].function.arguments += piece.arguments ?? "";
}

function request(model, ask) {
  const request = { model, messages: [...messages(ask)] };
  if (ask.tools.length) request.tools = ask.tools.map((tool) => ({ type: "function", function: tool }));
  if (ask.force) request.tool_choice = { type: "function", function: { name: ask.force } };
  if (ask.think) request.reasoning_effort = "low";
  if (ask.limit) request.max_completion_tokens = ask.limit;
  if (ask.schema) {
    const json_schema = { name: "answer", schema: ask.schema, strict: true };
    request.response_format = { type: "json_schema", json_schema };
  }
  return request;
}

function* messages(ask) {
  if (ask.system) yield { role: "system", content: ask.system };
  for (const { user, model, results } of ask.turns) {
    if (user?.image) {
      const image = { type: "image_url", image_url: { url: pngUrl(user.image), detail: "low" } };
      yield { role: "user", content: [{ type: "text", text: user.text }, image] };
    } else if (user) yield { role: "user", content: user.text };
    else if (typeof model === "string") yield { role: "assistant", content: model };
    else if (model) yield model;
    else for (const { call, text } of results) yield { role: "tool", tool_call_id: call.id, content: text };
  }
}

function answer(message, end, usage) {
  const { parsed, ...turn } = message;
  return {
    text: message.content ?? "",
    end: { stop: "stop", length: "length", tool_calls: "calls" }[end],
    usage: usage && { input: usage.prompt_tokens, output: usage.completion_tokens, total: usage.total_tokens },
    calls: (message.tool_calls ?? []).map(({ id, function: { name, arguments: json } }) => ({
      id,
      name,
      arguments: JSON.parse(json),
    })),
    // No field of the SDK's types; where providers show thoughts in this dialect, they do it here.
    thinking: message.reasoning_content ?? "",
    parsed: parsed ?? null,
    turn,
  };
}
