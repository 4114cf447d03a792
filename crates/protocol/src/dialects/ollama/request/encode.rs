//! From the model to the wire.

use serde_json::value::RawValue;

use super::{FUNCTION, GENERATE_ONLY, OPTIONS};
use crate::{
    codec::{Encoded, Target},
    dialects::{
        ollama::{
            NAME, ids,
            say::{self, Call, Member, NO_PLACE, Said},
            write::{List, Object},
        },
        search_result,
    },
    ir::{
        Block, Content, Effort, Loss, Losses, Message, OutputFormat, Reasoning, Request, Role, Text, Tool,
        ToolChoice, ToolKind, ToolResult,
    },
};

/// What Ollama's server collates texts of one role with (source: its template package).
const PARAGRAPH: &str = "\n\n";

/// The steps that `think` takes, in order. Source: the Ollama OpenAPI description.
const STEPS: [Effort; 4] = [Effort::Low, Effort::Medium, Effort::High, Effort::Max];

/// Writes a request for a provider.
pub(in crate::dialects::ollama) fn encode(request: &Request<'_>, target: Target<'_>) -> Encoded {
    let mut encoder = Encoder {
        request,
        is_home: request.origin == NAME,
        losses: Losses::default(),
        calls: 0,
        results: 0,
        unsent: Vec::new(),
        named: Vec::new(),
    };
    let mut body = Vec::with_capacity(request.size());
    Object::write(&mut body, |out| {
        out.member("model", target.model);
        if encoder.stays_generate() {
            encoder.generate(out);
        } else {
            encoder.chat(out);
        }
        encoder.rest(out);
    });
    encoder.unsaid();
    Encoded { body, losses: encoder.losses }
}

struct Encoder<'r> {
    request: &'r Request<'r>,
    is_home: bool,
    losses: Losses,
    /// Calls and results so far, counted as the decoder does.
    calls: usize,
    results: usize,
    /// Made-up ids, which are not sent.
    unsent: Vec<&'r str>,
    /// Id and name of each call so far: servers before 2025 tie a result to its call by the tool's name only.
    named: Vec<(&'r str, &'r str)>,
}

impl<'r> Encoder<'r> {
    /// True for a generate request with members that chat has not.
    fn stays_generate(&self) -> bool {
        let request = self.request;
        self.is_home
            && request.extra.iter().any(|(key, _)| GENERATE_ONLY.contains(&&**key))
            && request.tools.is_empty()
            && request.system.len() <= 1
            && request.messages.len() <= 1
            && request.messages.iter().all(|message| message.role == Role::User)
    }

    fn generate(&mut self, out: &mut Object<'_>) {
        if let Some(message) = self.request.messages.first() {
            let said = Said::of(&message.blocks, "messages[0]", &mut self.losses);
            out.member("prompt", &*said.text(PARAGRAPH));
            said.write_images(out);
        }
        if let Some(block) = self.request.system.first() {
            let said = Said::of(std::slice::from_ref(block), "system", &mut self.losses);
            out.member("system", &*said.text(PARAGRAPH));
        }
    }

    fn chat(&mut self, out: &mut Object<'_>) {
        let request = self.request;
        out.list("messages", |out| {
            self.system(out);
            for (place, message) in request.messages.iter().enumerate() {
                self.message(&format!("messages[{place}]"), message, out);
            }
        });
        self.tools(out);
    }

    /// At home each block was a message and becomes one. Blocks of others are one prompt in pieces, and templates of
    /// models often take one system message only.
    fn system(&mut self, out: &mut List<'_>) {
        let system = &self.request.system;
        if self.is_home {
            for (place, block) in system.iter().enumerate() {
                let path = format!("system[{place}]");
                let said = Said::of(std::slice::from_ref(block), &path, &mut self.losses);
                out.object(|out| {
                    out.member("role", "system");
                    out.member("content", &*said.text(PARAGRAPH));
                    write_extra(&block.extra, FUNCTION, out);
                });
            }
        } else if !system.is_empty() {
            let said = Said::of(system, "system", &mut self.losses);
            self.foreign_blocks("system", system);
            if said.is_empty() {
                return;
            }
            out.object(|out| {
                out.member("role", "system");
                out.member("content", &*said.text(PARAGRAPH));
                said.write_images(out);
            });
        }
    }

    fn message(&mut self, path: &str, message: &'r Message<'r>, out: &mut List<'_>) {
        if message.name.is_some() {
            self.losses.add(format!("{path}.name"), NO_PLACE);
        }
        if !self.is_home {
            say::foreign(&message.extra, path, &mut self.losses);
            self.foreign_blocks(path, &message.blocks);
        }
        let is_result = |block: &&Block<'_>| matches!(block.content, Content::ToolResult(_));
        let results = message.blocks.iter().enumerate().filter(|(_, block)| is_result(block));
        // Results stand directly behind the calls; what the user says beside them comes after.
        for (place, block) in results.clone() {
            if let Content::ToolResult(result) = &block.content {
                self.result(&format!("{path}.content[{place}]"), result, &block.extra, out);
            }
        }
        if results.count() == message.blocks.len() && !message.blocks.is_empty() {
            return;
        }
        let (role, glue) = match message.role {
            Role::System | Role::Developer => ("system", PARAGRAPH),
            Role::User => ("user", PARAGRAPH),
            // Pieces of one answer, often cut in mid-sentence by citations.
            Role::Assistant => ("assistant", ""),
        };
        let said = Said::of(&message.blocks, path, &mut self.losses);
        // What another dialect's message said may all be lost; the user's turn stays, as a turn.
        if role != "user" && !self.is_home && !message.blocks.is_empty() && said.is_empty() {
            return;
        }
        out.object(|out| {
            out.member("role", role);
            out.member("content", &*said.text(glue));
            said.write_thinking(out);
            said.write_images(out);
            if !said.calls.is_empty() {
                out.list("tool_calls", |out| {
                    for Call { call, extra, path } in &said.calls {
                        let made_up = self.is_home && call.id == ids::of_request(self.calls, &call.name);
                        self.calls += 1;
                        if made_up {
                            self.unsent.push(&call.id);
                        }
                        self.named.push((&call.id, &call.name));
                        let id = (!made_up).then_some(&*call.id);
                        let extra = if self.is_home { extra } else { [].as_slice() };
                        out.object(|out| say::call(call, id, None, extra, path, &mut self.losses, out));
                    }
                });
            }
            if self.is_home {
                write_extra(&message.extra, FUNCTION, out);
            }
        });
    }

    fn result(&mut self, path: &str, result: &'r ToolResult<'r>, extra: &[Member<'_>], out: &mut List<'_>) {
        if result.is_error == Some(true) {
            self.losses.add(format!("{path}.is_error"), NO_PLACE);
        }
        if !self.is_home {
            self.foreign_blocks(path, &result.blocks);
        }
        let made_up =
            self.is_home && (self.unsent.contains(&&*result.id) || result.id == ids::of_orphan(self.results));
        self.results += 1;
        let called = || self.named.iter().rev().find(|(id, _)| result.id == *id).map(|(_, name)| *name);
        let name = result.name.as_deref().or_else(called);
        let said = Said::of(&result.blocks, path, &mut self.losses);
        out.object(|out| {
            out.member("role", "tool");
            out.member("content", &*said.text(PARAGRAPH));
            said.write_thinking(out);
            said.write_images(out);
            out.maybe("tool_name", name);
            out.maybe("tool_call_id", (!made_up).then_some(&*result.id));
            if self.is_home {
                write_extra(extra, FUNCTION, out);
            }
        });
    }

    /// Names what others attached to blocks.
    fn foreign_blocks(&mut self, path: &str, blocks: &[Block<'_>]) {
        for (place, block) in blocks.iter().enumerate() {
            let path = format!("{path}.content[{place}]");
            if block.cache.is_some() {
                self.losses.add(format!("{path}.cache"), "ollama caches prompts by itself");
            }
            search_result::unsaid(block)
                .for_each(|(key, _)| self.losses.add(format!("{path}.{key}"), Loss::CLIENTS_OWN));
        }
    }

    fn tools(&mut self, out: &mut Object<'_>) {
        let choice = self.request.tool_choice.as_ref();
        let offered: Option<Vec<&str>> = match choice {
            None | Some(ToolChoice::Auto) => None,
            // A model that is offered nothing calls nothing: the same in other words.
            Some(ToolChoice::None) => Some(Vec::new()),
            Some(ToolChoice::Named(name)) => Some(vec![&**name]),
            Some(ToolChoice::Allowed { names, .. }) => Some(names.iter().map(|name| &**name).collect()),
            Some(ToolChoice::Required | ToolChoice::Foreign { .. }) => None,
        };
        let forced = match choice {
            Some(ToolChoice::Required | ToolChoice::Named(_)) => true,
            Some(ToolChoice::Allowed { required, .. }) => *required,
            _ => false,
        };
        if forced {
            self.losses.add("tool_choice", "ollama cannot force a call");
        }
        if let Some(ToolChoice::Foreign { .. }) = choice {
            self.losses.add("tool_choice", NO_PLACE);
        }
        if self.request.parallel_tools == Some(false) {
            self.losses.add("parallel_tool_calls", "ollama cannot forbid parallel calls");
        }
        let mut tools = Vec::new();
        for (place, tool) in self.request.tools.iter().enumerate() {
            let path = format!("tools[{place}]");
            match tool {
                Tool::Client { kind: ToolKind::Custom, .. } => {
                    self.losses.add(path, "ollama has no tools that take plain text");
                }
                Tool::Client { name, .. } => {
                    if offered.as_ref().is_none_or(|names| names.contains(&&**name)) {
                        tools.push((path, tool));
                    } else {
                        self.losses.add(path, Loss::NOT_CHOSEN);
                    }
                }
                Tool::Foreign { kind, .. } => {
                    self.losses.add(path, format!("a tool `{kind}` that only its own provider runs"));
                }
            }
        }
        if !tools.is_empty() {
            out.list("tools", |out| {
                for (path, tool) in tools {
                    self.tool(&path, tool, out);
                }
            });
        }
    }

    fn tool(&mut self, path: &str, tool: &Tool<'_>, out: &mut List<'_>) {
        let Tool::Client { name, description, schema, strict, cache, extra, .. } = tool else { return };
        if *strict == Some(true) {
            self.losses.add(format!("{path}.strict"), "ollama does not hold a model to the schema of a tool");
        }
        if cache.is_some() {
            self.losses.add(format!("{path}.cache"), "ollama caches prompts by itself");
        }
        if !self.is_home {
            say::foreign(extra, path, &mut self.losses);
        }
        out.object(|out| {
            out.member("type", "function");
            out.object("function", |out| {
                out.member("name", name);
                out.maybe("description", description.as_ref());
                match schema {
                    Some(schema) => out.member("parameters", schema),
                    None if self.is_home => {}
                    // The server's type has no function without parameters.
                    None => out.object("parameters", |out| {
                        out.member("type", "object");
                        out.object("properties", |_| {});
                    }),
                }
                if self.is_home {
                    say::write_function_extra(extra, out);
                }
            });
            if self.is_home {
                write_extra(extra, FUNCTION, out);
            }
        });
    }

    /// What chat and generate share.
    fn rest(&mut self, out: &mut Object<'_>) {
        let request = self.request;
        out.member("stream", &request.stream);
        match &request.format {
            None | Some(OutputFormat::Text) => {}
            Some(OutputFormat::Json) => out.member("format", "json"),
            Some(OutputFormat::Schema { name, description, schema, .. }) => {
                out.member("format", schema);
                for (field, is_said) in [("name", name.is_some()), ("description", description.is_some())] {
                    if is_said {
                        self.losses.add(format!("response_format.{field}"), "ollama takes the bare schema");
                    }
                }
            }
        }
        if let Some(reasoning) = &request.reasoning {
            self.think(reasoning, out);
        }
        if let Some(most) = request.logprobs {
            out.member("logprobs", &true);
            out.maybe("top_logprobs", Some(most).filter(|most| *most > 0));
        }
        self.options(out);
        if self.is_home {
            write_extra(&request.extra, OPTIONS, out);
        } else {
            for (key, _) in &request.extra {
                self.losses.add(&**key, Loss::CLIENTS_OWN);
            }
        }
    }

    /// The server thinks by default if the model can, and refuses `think` if it cannot; so "the model decides" says
    /// nothing. A step outside its scale is the next on it, and a loss.
    fn think(&mut self, reasoning: &Reasoning<'_>, out: &mut Object<'_>) {
        match reasoning.effort() {
            Some(Effort::None) => out.member("think", &false),
            Some(asked) => {
                let step = STEPS.iter().find(|step| **step >= asked).unwrap_or(&Effort::Max);
                out.member("think", step.name());
                if *step != asked {
                    let (asked, said) = (asked.name(), step.name());
                    self.losses.add("reasoning", format!("ollama does not take `{asked}`: said as `{said}`"));
                }
                if reasoning.budget.is_some() {
                    self.losses.add("reasoning.budget", "said as the nearest effort");
                }
            }
            None if reasoning.enabled == Some(true) && !reasoning.adaptive => out.member("think", &true),
            None => {}
        }
        if reasoning.display.as_deref().is_some_and(|display| display != "auto") {
            self.losses.add("reasoning.display", "ollama shows reasoning as it is");
        }
    }

    fn options(&mut self, out: &mut Object<'_>) {
        let request = self.request;
        let sampling = &request.sampling;
        let numbers = [
            ("temperature", &sampling.temperature),
            ("top_p", &sampling.top_p),
            ("top_k", &sampling.top_k),
            ("min_p", &sampling.min_p),
            ("repeat_penalty", &sampling.repetition_penalty),
            ("presence_penalty", &sampling.presence_penalty),
            ("frequency_penalty", &sampling.frequency_penalty),
            ("seed", &sampling.seed),
        ];
        let numbers: Vec<(&str, &RawValue)> =
            numbers.iter().filter_map(|(key, value)| Some((*key, value.as_deref()?))).collect();
        let extra = request.extra.iter().filter(|_| self.is_home);
        let extra: Vec<(&str, &RawValue)> =
            extra.filter_map(|(key, value)| Some((key.strip_prefix(OPTIONS)?, &**value))).collect();
        let has_stop = !sampling.stop.is_empty();
        if numbers.is_empty() && extra.is_empty() && !has_stop && request.max_tokens.is_none() {
            return;
        }
        out.object("options", |out| {
            numbers.iter().for_each(|(key, value)| out.member(key, value));
            if has_stop {
                out.member("stop", &sampling.stop);
            }
            out.maybe("num_predict", request.max_tokens);
            extra.iter().for_each(|(key, value)| out.member(key, value));
        });
    }

    /// Names what is asked and has no place at all.
    fn unsaid(&mut self) {
        let request = self.request;
        let is_text = |kind: &Text<'_>| *kind == "text";
        let fields = [
            ("n", request.choices.is_some_and(|count| count != 1)),
            ("logit_bias", request.sampling.logit_bias.is_some()),
            ("audio", request.audio.is_some()),
            ("modalities", !request.modalities.iter().all(is_text)),
            ("verbosity", request.verbosity.is_some()),
            ("service_tier", request.service_tier.is_some()),
            ("user", request.user.is_some()),
            ("metadata", request.metadata.is_some()),
            ("prompt_cache_key", request.cache_key.is_some()),
            ("store", request.store == Some(true)),
            ("previous_response_id", request.previous.is_some()),
        ];
        for (field, is_asked) in fields {
            if is_asked {
                self.losses.add(field, NO_PLACE);
            }
        }
    }
}

/// Writes members of this dialect back; those with the front stand elsewhere.
fn write_extra(extra: &[Member<'_>], front: &str, out: &mut Object<'_>) {
    for (key, value) in extra.iter().filter(|(key, _)| !key.starts_with(front)) {
        out.member(key, value);
    }
}
