"""The SDKs under test, one file each, and their table."""

from clients.anthropic_messages import Anthropic
from clients.bedrock_converse import Bedrock
from clients.gemini_generate import Gemini, GeminiBeta
from clients.ollama_chat import Ollama
from clients.node import JsAnthropic, JsGemini, JsOllama, JsOpenAiChat, JsOpenAiResponses
from clients.openai_chat import OpenAiChat
from clients.openai_responses import OpenAiResponses

CLIENTS = [
    OpenAiChat,
    OpenAiResponses,
    Anthropic,
    Gemini,
    GeminiBeta,
    Ollama,
    Bedrock,
    JsOpenAiChat,
    JsOpenAiResponses,
    JsAnthropic,
    JsGemini,
    JsOllama,
]
