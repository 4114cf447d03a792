//! What a value must be: the members of AWS's client, and no others.

use serde_json::Value;

use super::{ApiError, Object, current, results};
use crate::text;

/// What a value must be.
enum Kind {
    Text,
    OneOf(&'static [&'static str]),
    Any,
    Object,
    List(&'static Kind),
    /// Members, required ones first, with how many of them are.
    Members(&'static [(&'static str, Kind)], usize),
    /// Exactly one of these members.
    Union(&'static [(&'static str, Kind)]),
}

const BODY: Kind =
    Kind::Members(&[("conversationState", STATE), ("profileArn", Kind::Text), ("agentMode", Kind::Text)], 1);
const STATE: Kind = Kind::Members(
    &[
        ("chatTriggerType", Kind::OneOf(&["MANUAL", "DIAGNOSTIC", "INLINE_CHAT"])),
        ("currentMessage", Kind::Union(&[("userInputMessage", USER)])),
        ("conversationId", Kind::Text),
        ("history", Kind::List(&TURN)),
        ("agentContinuationId", Kind::Text),
        ("agentTaskType", Kind::OneOf(&["vibe", "spectask"])),
    ],
    3,
);
const TURN: Kind = Kind::Union(&[("userInputMessage", USER), ("assistantResponseMessage", ASSISTANT)]);
const USER: Kind = Kind::Members(
    &[
        ("content", Kind::Text),
        ("modelId", Kind::Text),
        // What goes with the address that requests are sent to.
        ("origin", Kind::OneOf(&["AI_EDITOR"])),
        ("userInputMessageContext", CONTEXT),
        ("images", Kind::List(&IMAGE)),
    ],
    3,
);
const CONTEXT: Kind = Kind::Members(&[("toolResults", Kind::List(&RESULT)), ("tools", Kind::List(&TOOL))], 0);
const RESULT: Kind = Kind::Members(
    &[
        ("toolUseId", Kind::Text),
        ("content", Kind::List(&Kind::Union(&[("text", Kind::Text), ("json", Kind::Any)]))),
        ("status", Kind::OneOf(&["success", "error"])),
    ],
    2,
);
const TOOL: Kind = Kind::Union(&[(
    "toolSpecification",
    Kind::Members(
        &[
            ("name", Kind::Text),
            ("inputSchema", Kind::Members(&[("json", Kind::Object)], 1)),
            ("description", Kind::Text),
        ],
        2,
    ),
)]);
const IMAGE: Kind = Kind::Members(
    &[
        ("format", Kind::OneOf(&["png", "jpeg", "gif", "webp"])),
        ("source", Kind::Members(&[("bytes", Kind::Text)], 1)),
    ],
    2,
);
const ASSISTANT: Kind = Kind::Members(
    &[
        ("content", Kind::Text),
        ("toolUses", Kind::List(&CALL)),
        (
            "reasoningContent",
            Kind::Union(&[
                ("reasoningText", Kind::Members(&[("text", Kind::Text), ("signature", Kind::Text)], 1)),
                ("redactedContent", Kind::Text),
            ]),
        ),
    ],
    1,
);
const CALL: Kind = Kind::Members(&[("toolUseId", Kind::Text), ("name", Kind::Text), ("input", Kind::Any)], 3);

/// Longest description of a tool, in bytes (CLIProxyAPIPlus).
const MAX_DESCRIPTION: usize = 10240;

/// Checks shapes, then what shapes cannot say.
pub(super) fn check(body: &Object) -> Result<(), ApiError> {
    check_kind("the body", &Value::Object(body.clone()), &BODY)?;
    let Some(turn) = current(body) else { return Err(ApiError::malformed("there is no current message")) };
    let model = super::text_in(turn, "modelId");
    if !["claude-", "CLAUDE_", "auto"].iter().any(|front| model.starts_with(front)) {
        return Err(ApiError::unknown_model());
    }
    let says = |name| turn.get(name).is_some_and(|value| value != "");
    if !says("content") && !says("images") && results(turn).is_empty() {
        return Err(ApiError::malformed("the current message says nothing"));
    }
    for tool in super::tools(body) {
        let spec = &tool["toolSpecification"];
        let (name, description) = (super::text_in(spec, "name"), super::text_in(spec, "description"));
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-');
        if name.is_empty() || name.len() > 64 || !name.bytes().all(fits) {
            return Err(ApiError::malformed("a tool's name is not one"));
        }
        if description.trim().is_empty() || description.len() > MAX_DESCRIPTION {
            return Err(ApiError::malformed("a tool's description is empty or too long"));
        }
    }
    let images = super::items(turn.get("images")).iter();
    if images
        .map(|image| super::text_in(&image["source"], "bytes"))
        .any(|bytes| text::from_base64(bytes).is_none())
    {
        return Err(ApiError::malformed("a picture is not in base64"));
    }
    Ok(())
}

fn check_kind(place: &str, value: &Value, kind: &Kind) -> Result<(), ApiError> {
    let wrong = |what: &str| Err(ApiError::malformed(format_args!("{place}: {what}")));
    match (kind, value) {
        (Kind::Any, _) | (Kind::Text, Value::String(_)) | (Kind::Object, Value::Object(_)) => Ok(()),
        (Kind::OneOf(words), Value::String(word)) if words.contains(&word.as_str()) => Ok(()),
        (Kind::List(each), Value::Array(items)) => {
            items.iter().try_for_each(|item| check_kind(place, item, each))
        }
        (Kind::Members(members, required), Value::Object(object)) => {
            if let Some((missing, _)) =
                members[..*required].iter().find(|(name, _)| !object.contains_key(*name))
            {
                return wrong(&format!("`{missing}` is missing"));
            }
            check_members(place, object, members)
        }
        (Kind::Union(members), Value::Object(object)) if object.len() == 1 => {
            check_members(place, object, members)
        }
        (
            Kind::Text | Kind::OneOf(_) | Kind::Object | Kind::List(_) | Kind::Members(..) | Kind::Union(_),
            _,
        ) => wrong("it is something else"),
    }
}

fn check_members(place: &str, object: &Object, members: &[(&str, Kind)]) -> Result<(), ApiError> {
    object.iter().try_for_each(|(name, value)| match members.iter().find(|(known, _)| known == name) {
        Some((_, kind)) => check_kind(name, value, kind),
        None => Err(ApiError::malformed(format_args!("{place}: `{name}` is not known"))),
    })
}
