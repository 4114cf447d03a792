// `@anthropic-ai/sdk`.

import Anthropic from "@anthropic-ai/sdk";
import { isCut, list } from "./openai_chat.mjs";

// Every request of this dialect has a limit; this one is above the budget for thinking.
const LIMIT = 4096;

function kind(error) {
  if (error instanceof Anthropic.NotFoundError) return "not found";
  if (error instanceof Anthropic.AuthenticationError) return "unauthorised";
  if (error instanceof Anthropic.RateLimitError) return "limited";
  if (error instanceof Anthropic.BadRequestError) return "refused";
  if (error instanceof Anthropic.InternalServerError) return "unavailable";
  if (error instanceof Anthropic.APIError && (!error.status || error.status === 200)) return "broken stream";
  // The helper for streams wraps what it does not know.
  return isCut(error) || error instanceof Anthropic.AnthropicError ? "broken stream" : null;
}

export function connect(host, key) {
  const client = new Anthropic({ baseURL: host, apiKey: key, maxRetries: 0, timeout: 20_000 });
  return {
    kind,
    told: ({ error }) => error.type === "error" && error.error.type && error.error.message,
    ask: async (model, ask) => answer(await client.messages[ask.schema ? "parse" : "create"](request(model, ask))),
    async *stream(model, ask) {
      const stream = client.messages.stream(request(model, ask));
      for await (const event of stream) {
        if (event.type === "content_block_delta" && event.delta.type === "text_delta") yield event.delta.text;
      }
      return answer(await stream.finalMessage());
    },
    async count(model, ask) {
      const { max_tokens, ...counted } = request(model, ask);
      return (await client.messages.countTokens(counted)).input_tokens;
    },
    models: () => list(client.models.list()),
  };
}

function request(model, ask) {
  const request = { model, max_tokens: ask.limit ?? LIMIT, messages: [...messages(ask)] };
  if (ask.system) request.system = ask.system;
  if (ask.tools.length) {
    request.tools = ask.tools.map(({ name, description, parameters }) => ({
      name,
      description,
      input_schema: parameters,
    }));
  }
  if (ask.force) request.tool_choice = { type: "tool", name: ask.force };
  if (ask.think) {
    request.thinking = { type: "adaptive", display: "summarized" };
    request.output_config = { effort: "low" };
  }
  if (ask.schema) request.output_config = { format: { type: "json_schema", schema: ask.schema } };
  return request;
}

function* messages(ask) {
  for (const { user, model, results } of ask.turns) {
    if (user?.image) {
      const source = { type: "base64", media_type: "image/png", data: user.image };
      yield { role: "user", content: [{ type: "text", text: user.text }, { type: "image", source }] };
    } else if (user) yield { role: "user", content: user.text };
    else if (model) yield { role: "assistant", content: model };
    else {
      const block = ({ call, text }) => ({ type: "tool_result", tool_use_id: call.id, content: text });
      yield { role: "user", content: results.map(block) };
    }
  }
}

function answer({ content, stop_reason, usage, parsed_output }) {
  const ofType = (type) => content.filter((block) => block.type === type);
  const cached = (usage.cache_read_input_tokens ?? 0) + (usage.cache_creation_input_tokens ?? 0);
  return {
    text: ofType("text").map((block) => block.text).join(""),
    end: { end_turn: "stop", max_tokens: "length", tool_use: "calls" }[stop_reason],
    usage: { input: usage.input_tokens + cached, output: usage.output_tokens },
    calls: ofType("tool_use").map(({ id, name, input }) => ({ id, name, arguments: input })),
    thinking: ofType("thinking").map((block) => block.thinking).join(""),
    // Of a schema, unlike of a type, the SDK leaves the reading to the application.
    parsed: parsed_output ?? null,
    turn: content.map(({ parsed_output, parsed, ...block }) => block),
  };
}
