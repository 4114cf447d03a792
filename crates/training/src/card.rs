//! The columns of a form, as a `README.md` from which Hugging Face `datasets` reads their types.

use std::fmt::Write as _;

use crate::{Form, Reasoning};

/// The type of a column.
enum Kind {
    Plain(&'static str),
    /// A list of texts.
    Texts,
    /// A list of objects.
    Objects(Columns),
    Object(Columns),
}

type Columns = Vec<(&'static str, Kind)>;

/// See [`Form::card`].
pub(crate) fn of(form: Form, reasoning: Reasoning) -> Option<String> {
    let columns = match form {
        Form::Messages => messages(reasoning),
        Form::ShareGpt => sharegpt(),
        Form::OpenAi => return None,
    };
    let mut card =
        "---\nconfigs:\n- config_name: default\n  data_files: \"*.jsonl\"\ndataset_info:\n  features:\n"
            .to_owned();
    write(&mut card, &columns, 2);
    let form = form.name();
    // Writing to a text cannot fail.
    let _ = write!(
        card,
        "---\n\nConversations that went through the gateway, one JSON object a line, in the form `{form}`.\n\n\
         Load them with their types: `datasets.load_dataset(\"path/of/this/folder\")`.\n"
    );
    Some(card)
}

fn write(out: &mut String, columns: &Columns, indent: usize) {
    let space = " ".repeat(indent);
    for (name, kind) in columns {
        let _ = writeln!(out, "{space}- name: {name}");
        let _ = match kind {
            Kind::Plain(kind) => writeln!(out, "{space}  dtype: {kind}"),
            Kind::Texts => writeln!(out, "{space}  sequence: string"),
            Kind::Objects(_) => writeln!(out, "{space}  list:"),
            Kind::Object(_) => writeln!(out, "{space}  struct:"),
        };
        if let Kind::Objects(inner) | Kind::Object(inner) = kind {
            write(out, inner, indent + 2);
        }
    }
}

fn texts(names: &[&'static str]) -> Columns {
    names.iter().map(|name| (*name, Kind::Plain("string"))).collect()
}

fn messages(reasoning: Reasoning) -> Columns {
    let mut message = texts(&["role", "content"]);
    if reasoning == Reasoning::Field {
        message.extend(texts(&["reasoning_content"]));
    }
    message.extend(texts(&["name"]));
    let mut call = texts(&["id", "type"]);
    call.push(("function", Kind::Object(texts(&["name", "arguments"]))));
    message.push(("tool_calls", Kind::Objects(call)));
    message.extend(texts(&["tool_call_id"]));

    let plain = |kind: &'static str, names: &[&'static str]| -> Columns {
        names.iter().map(|name| (*name, Kind::Plain(kind))).collect()
    };
    let mut columns = texts(&["_id", "object"]);
    columns.extend(plain("int64", &["created", "duration_ms"]));
    columns.extend(texts(&["model"]));
    columns.extend(plain("bool", &["stream"]));
    columns.extend(plain("float64", &["temperature", "top_p"]));
    columns.extend(plain("int64", &["top_k"]));
    columns
        .extend(plain("float64", &["min_p", "frequency_penalty", "presence_penalty", "repetition_penalty"]));
    columns.extend(plain("int64", &["seed", "max_tokens", "n"]));
    columns.extend(plain("bool", &["logprobs"]));
    columns.extend(plain("int64", &["top_logprobs"]));
    columns.extend(plain("bool", &["parallel_tool_calls", "store"]));
    columns.extend(texts(&[
        "reasoning_effort",
        "verbosity",
        "service_tier",
        "user",
        "prompt_cache_key",
        "reasoning",
        "stop",
        "tool_choice",
        "response_format",
        "logit_bias",
        "metadata",
        "modalities",
        "audio",
        "other",
        "tools",
    ]));
    columns.push(("messages", Kind::Objects(message)));
    columns.push(("images", Kind::Texts));
    columns.extend(texts(&["finish_reason"]));
    columns.extend(plain("bool", &["complete"]));
    columns.extend(texts(&["losses"]));
    columns
}

fn sharegpt() -> Columns {
    let mut columns = vec![("conversations", Kind::Objects(texts(&["from", "value"])))];
    columns.extend(texts(&["tools"]));
    columns.push(("images", Kind::Texts));
    columns
}
