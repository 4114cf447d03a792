// `@google/genai`, on the API version it uses by itself.

import { ApiError, FunctionCallingConfigMode, GoogleGenAI } from "@google/genai";
import { isCut } from "./openai_chat.mjs";
import { assert } from "./words.mjs";

const KINDS = { 404: "not found", 401: "unauthorised", 429: "limited", 400: "refused" };

function kind(error) {
  if (error.inStream || isCut(error)) return "broken stream";
  if (!(error instanceof ApiError)) return null;
  // The provider has 400 for it.
  if (error.message.includes("API_KEY_INVALID")) return "unauthorised";
  return KINDS[error.status] ?? (error.status >= 500 ? "unavailable" : null);
}

export function connect(host, key) {
  const client = new GoogleGenAI({ apiKey: key, vertexai: false, httpOptions: { baseUrl: host, timeout: 20_000 } });
  return {
    kind,
    // The SDK leaves the body as it is.
    told(error) {
      const body = JSON.parse(error.message).error;
      return body.status && body.message;
    },
    ask: async (model, ask) => answer([await client.models.generateContent(request(model, ask))], ask),
    async *stream(model, ask) {
      const chunks = [];
      try {
        for await (const chunk of await client.models.generateContentStream(request(model, ask))) {
          chunks.push(chunk);
          for (const part of parts([chunk])) if (part.text && !part.thought) yield part.text;
        }
      } catch (error) {
        // The SDK throws the same for a stream that is refused and for one that breaks.
        if (chunks.length) error.inStream = true;
        throw error;
      }
      return answer(chunks, ask);
    },
    async count(model, ask) {
      const { config, ...counted } = request(model, ask);
      return (await client.models.countTokens(counted)).totalTokens;
    },
    async models() {
      const names = [];
      for await (const model of await client.models.list()) names.push(model.name.replace(/^models\//, ""));
      return names;
    },
  };
}

function request(model, ask) {
  const config = { automaticFunctionCalling: { disable: true } };
  if (ask.system) config.systemInstruction = ask.system;
  if (ask.tools.length) {
    const functionDeclarations = ask.tools.map(({ name, description, parameters }) => ({
      name,
      description,
      parametersJsonSchema: parameters,
    }));
    config.tools = [{ functionDeclarations }];
  }
  if (ask.force) {
    const functionCallingConfig = { mode: FunctionCallingConfigMode.ANY, allowedFunctionNames: [ask.force] };
    config.toolConfig = { functionCallingConfig };
  }
  if (ask.schema) Object.assign(config, { responseMimeType: "application/json", responseJsonSchema: ask.schema });
  if (ask.think) config.thinkingConfig = { includeThoughts: true, thinkingBudget: 1024 };
  if (ask.limit) config.maxOutputTokens = ask.limit;
  return { model, contents: [...contents(ask)], config };
}

function* contents(ask) {
  for (const { user, model, results } of ask.turns) {
    if (user) {
      const parts = [{ text: user.text }];
      if (user.image) parts.push({ inlineData: { data: user.image, mimeType: "image/png" } });
      yield { role: "user", parts };
    } else if (typeof model === "string") yield { role: "model", parts: [{ text: model }] };
    else if (model) yield model;
    else {
      const part = ({ call, text }) => ({
        functionResponse: { ...(call.id && { id: call.id }), name: call.name, response: { output: text } },
      });
      yield { role: "user", parts: results.map(part) };
    }
  }
}

const parts = (chunks) =>
  chunks.flatMap((chunk) => (chunk.candidates ?? []).flatMap((candidate) => candidate.content?.parts ?? []));

function answer(chunks, ask) {
  const found = parts(chunks);
  const calls = found.filter((part) => part.functionCall).map((part) => part.functionCall);
  const reasons = chunks.flatMap((chunk) => (chunk.candidates ?? []).flatMap((c) => c.finishReason ?? []));
  assert(reasons.length === 1, `the answer ends ${reasons.length} times`);
  const usage = chunks.findLast((chunk) => chunk.usageMetadata)?.usageMetadata;
  const text = found.map((part) => (!part.thought && part.text) || "").join("");
  return {
    text,
    end: { STOP: calls.length ? "calls" : "stop", MAX_TOKENS: "length" }[reasons[0]],
    usage: usage && {
      input: usage.promptTokenCount,
      output: (usage.candidatesTokenCount ?? 0) + (usage.thoughtsTokenCount ?? 0),
      total: usage.totalTokenCount,
    },
    calls: calls.map(({ id, name, args }) => ({ id: id ?? "", name, arguments: args ?? {} })),
    thinking: found.map((part) => (part.thought && part.text) || "").join(""),
    // The SDK leaves the reading of a structured answer to the application.
    parsed: ask.schema ? JSON.parse(text) : null,
    turn: { role: "model", parts: found },
  };
}
