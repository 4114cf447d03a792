//! What an answer's items consist of, and the events that tell how each grows.

use super::{
    HERE,
    write::{self, Array, Object},
};
use crate::ir::{Citation, ToolKind};

/// Numbers the events and writes them, unless only the end is wanted.
pub(super) struct Frames {
    pub(super) is_quiet: bool,
    pub(super) sequence: u64,
}

/// A message item: its parts, one of them open.
pub(super) struct Message {
    pub(super) extra: Vec<u8>,
    /// The parts that are complete, as JSON with commas.
    pub(super) parts: Vec<u8>,
    pub(super) count: u64,
    pub(super) part: Option<Part>,
}

/// A part of a message: text or refusal.
#[derive(Default)]
pub(super) struct Part {
    pub(super) is_refusal: bool,
    pub(super) text: String,
    pub(super) annotations: Vec<u8>,
    pub(super) annotation_count: u64,
    /// URL and title of citations without a place: they stand for all of the part.
    pub(super) placeless: Vec<(String, String)>,
    /// Log probabilities, as JSON with commas.
    pub(super) logprobs: String,
    /// The last delta, as long as its log probabilities may still come.
    pub(super) held: Option<String>,
}

/// A reasoning item: parts of the summary, parts of the text, the proof.
#[derive(Default)]
pub(super) struct Reasoning {
    /// What the provider calls the item; its further blocks are parts of the same one.
    pub(super) item: Option<String>,
    pub(super) is_summary: bool,
    pub(super) is_redacted: bool,
    /// The parts that are complete, as JSON with commas.
    pub(super) summary: Vec<u8>,
    pub(super) summary_count: u64,
    pub(super) content: Vec<u8>,
    pub(super) content_count: u64,
    /// The text of the part that is open.
    pub(super) part: Option<String>,
    pub(super) proof: Option<String>,
}

/// A call of a client's tool.
pub(super) struct Call {
    pub(super) kind: ToolKind,
    pub(super) call_id: String,
    pub(super) name: String,
    pub(super) input: String,
}

impl Frames {
    /// One event: its type, its number, and what `members` adds.
    pub(super) fn emit(&mut self, out: &mut Vec<u8>, kind: &str, members: impl FnOnce(&mut Object<'_>)) {
        if self.is_quiet {
            return;
        }
        out.extend_from_slice(b"event: ");
        out.extend_from_slice(kind.as_bytes());
        out.extend_from_slice(b"\ndata: ");
        let start = out.len();
        write::object(out, |o| {
            o.put("type", kind);
            o.put("sequence_number", &self.sequence);
            members(o);
        });
        write::one_line(out, start);
        out.extend_from_slice(b"\n\n");
        self.sequence += 1;
    }
}

/// Where an event belongs: the item's id and index.
pub(super) type Place<'p> = (&'p str, u64);

pub(super) fn place(o: &mut Object<'_>, (id, index): Place<'_>, content: Option<u64>) {
    o.put("item_id", id);
    o.put("output_index", &index);
    o.some("content_index", content.as_ref());
}

impl Message {
    pub(super) fn text(
        &mut self,
        text: &str,
        holds: bool,
        at: Place<'_>,
        frames: &mut Frames,
        out: &mut Vec<u8>,
    ) {
        let Some(part) = &mut self.part else { return };
        part.release("", at, self.count, frames, out);
        part.text.push_str(text);
        if part.is_refusal {
            frames.emit(out, "response.refusal.delta", |o| {
                place(o, at, Some(self.count));
                o.put("delta", text);
            });
        } else if holds {
            part.held = Some(text.to_owned());
        } else {
            text_delta(text, "", at, self.count, frames, out);
        }
    }

    /// Adds a citation; false if the dialect cannot say it.
    pub(super) fn citation(
        &mut self,
        citation: &Citation<'_>,
        at: Place<'_>,
        frames: &mut Frames,
        out: &mut Vec<u8>,
    ) -> bool {
        let Some(part) = &mut self.part else { return false };
        if citation.origin == HERE {
            part.annotate(citation.raw.get().as_bytes(), at, self.count, frames, out);
            return true;
        }
        let Some(url) = &citation.url else { return false };
        let title = citation.title.as_ref().unwrap_or(url);
        match citation.range {
            Some(range) => part.annotate(&url_citation(url, title, range), at, self.count, frames, out),
            None => part.placeless.push((url.to_string(), title.to_string())),
        }
        true
    }

    pub(super) fn end_part(&mut self, at: Place<'_>, frames: &mut Frames, out: &mut Vec<u8>) {
        let Some(mut part) = self.part.take() else { return };
        part.release("", at, self.count, frames, out);
        let all = (0, part.text.chars().count() as u64);
        for (url, title) in std::mem::take(&mut part.placeless) {
            part.annotate(&url_citation(&url, &title, all), at, self.count, frames, out);
        }
        let (event, name) = match part.is_refusal {
            true => ("response.refusal.done", "refusal"),
            false => ("response.output_text.done", "text"),
        };
        frames.emit(out, event, |o| {
            place(o, at, Some(self.count));
            o.put(name, &part.text);
            if !part.is_refusal {
                o.list("logprobs", part.logprobs.as_bytes());
            }
        });
        let mut json = Vec::new();
        write::object(&mut json, |o| part.write(o));
        frames.emit(out, "response.content_part.done", |o| {
            place(o, at, Some(self.count));
            o.json("part", &json);
        });
        Array::onto(&mut self.parts).json(&json);
        self.count += 1;
    }
}

fn text_delta(
    text: &str,
    logprobs: &str,
    at: Place<'_>,
    content: u64,
    frames: &mut Frames,
    out: &mut Vec<u8>,
) {
    frames.emit(out, "response.output_text.delta", |o| {
        place(o, at, Some(content));
        o.put("delta", text);
        o.list("logprobs", logprobs.as_bytes());
    });
}

fn url_citation(url: &str, title: &str, (start, end): (u64, u64)) -> Vec<u8> {
    let mut json = Vec::new();
    write::object(&mut json, |o| {
        o.put("type", "url_citation");
        o.put("start_index", &start);
        o.put("end_index", &end);
        o.put("title", title);
        o.put("url", url);
    });
    json
}

impl Part {
    pub(super) fn write(&self, o: &mut Object<'_>) {
        if self.is_refusal {
            o.put("type", "refusal");
            o.put("refusal", &self.text);
            return;
        }
        o.put("type", "output_text");
        o.list("annotations", &self.annotations);
        o.list("logprobs", self.logprobs.as_bytes());
        o.put("text", &self.text);
    }

    pub(super) fn release(
        &mut self,
        logprobs: &str,
        at: Place<'_>,
        content: u64,
        frames: &mut Frames,
        out: &mut Vec<u8>,
    ) {
        if let Some(text) = self.held.take() {
            text_delta(&text, logprobs, at, content, frames, out);
        }
    }

    pub(super) fn annotate(
        &mut self,
        json: &[u8],
        at: Place<'_>,
        content: u64,
        frames: &mut Frames,
        out: &mut Vec<u8>,
    ) {
        self.release("", at, content, frames, out);
        frames.emit(out, "response.output_text.annotation.added", |o| {
            place(o, at, Some(content));
            o.put("annotation_index", &self.annotation_count);
            o.json("annotation", json);
        });
        self.annotation_count += 1;
        Array::onto(&mut self.annotations).json(json);
    }
}

impl Reasoning {
    /// The place of the part that is open, by the name that its kind has for it.
    pub(super) fn part_place(&self, o: &mut Object<'_>, at: Place<'_>) {
        place(o, at, (!self.is_summary).then_some(self.content_count));
        if self.is_summary {
            o.put("summary_index", &self.summary_count);
        }
    }

    pub(super) fn part_of(&self, text: &str, o: &mut Object<'_>) {
        o.put("type", if self.is_summary { "summary_text" } else { "reasoning_text" });
        o.put("text", text);
    }

    pub(super) fn text(&mut self, text: &str, at: Place<'_>, frames: &mut Frames, out: &mut Vec<u8>) {
        if self.part.is_none() {
            self.part = Some(String::new());
            let event = match self.is_summary {
                true => "response.reasoning_summary_part.added",
                false => "response.content_part.added",
            };
            frames.emit(out, event, |o| {
                self.part_place(o, at);
                o.object("part", |o| self.part_of("", o));
            });
        }
        let event = match self.is_summary {
            true => "response.reasoning_summary_text.delta",
            false => "response.reasoning_text.delta",
        };
        frames.emit(out, event, |o| {
            self.part_place(o, at);
            o.put("delta", text);
        });
        if let Some(part) = &mut self.part {
            part.push_str(text);
        }
    }

    pub(super) fn end_part(&mut self, at: Place<'_>, frames: &mut Frames, out: &mut Vec<u8>) {
        let Some(text) = self.part.take() else { return };
        let [text_done, part_done] = match self.is_summary {
            true => ["response.reasoning_summary_text.done", "response.reasoning_summary_part.done"],
            false => ["response.reasoning_text.done", "response.content_part.done"],
        };
        frames.emit(out, text_done, |o| {
            self.part_place(o, at);
            o.put("text", &text);
        });
        let mut json = Vec::new();
        write::object(&mut json, |o| self.part_of(&text, o));
        frames.emit(out, part_done, |o| {
            self.part_place(o, at);
            o.json("part", &json);
        });
        let (parts, count) = match self.is_summary {
            true => (&mut self.summary, &mut self.summary_count),
            false => (&mut self.content, &mut self.content_count),
        };
        Array::onto(parts).json(&json);
        *count += 1;
    }
}

impl Call {
    pub(super) fn input(&mut self, text: &str, at: Place<'_>, frames: &mut Frames, out: &mut Vec<u8>) {
        self.input.push_str(text);
        let event = match self.kind {
            ToolKind::Custom => "response.custom_tool_call_input.delta",
            ToolKind::Function => "response.function_call_arguments.delta",
        };
        frames.emit(out, event, |o| {
            place(o, at, None);
            o.put("delta", text);
        });
    }

    pub(super) fn end(&mut self, at: Place<'_>, frames: &mut Frames, out: &mut Vec<u8>) {
        if self.kind == ToolKind::Function && self.input.is_empty() {
            self.input("{}", at, frames, out);
        }
        let (event, name) = match self.kind {
            ToolKind::Custom => ("response.custom_tool_call_input.done", "input"),
            ToolKind::Function => ("response.function_call_arguments.done", "arguments"),
        };
        frames.emit(out, event, |o| {
            place(o, at, None);
            if self.kind == ToolKind::Function {
                o.put("name", &self.name);
            }
            o.put(name, &self.input);
        });
    }
}
