//! `item_reference`: an input item that names an item of an answer by its id instead of repeating it.

use bytes::Bytes;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::wire::Kind;
use crate::{envelope::Envelope, ir::Text, splice::Edits};

/// No reference is longer, in bytes: longer items are not looked into.
const LONGEST: usize = 512;

#[derive(Deserialize)]
struct Identified<'a> {
    #[serde(borrow, default)]
    id: Option<Text<'a>>,
}

/// The items of a whole answer that have ids.
fn output(answer: &[u8]) -> impl Iterator<Item = (Text<'_>, &RawValue)> {
    #[derive(Deserialize)]
    struct Output<'a> {
        #[serde(borrow, default)]
        output: Vec<&'a RawValue>,
    }
    let items = serde_json::from_slice::<Output<'_>>(answer).map(|answer| answer.output).unwrap_or_default();
    items.into_iter().filter_map(|item| {
        let id = serde_json::from_str::<Identified<'_>>(item.get()).ok()?.id?;
        (!id.is_empty()).then_some((id, item))
    })
}

/// The ids of an answer's items.
pub(super) fn ids(answer: &[u8]) -> Vec<String> {
    output(answer).map(|(id, _)| id.to_string()).collect()
}

/// The item `id` of an answer.
pub(super) fn item(answer: &[u8], id: &str) -> Option<Bytes> {
    let (_, item) = output(answer).find(|(known, _)| *known == *id)?;
    Some(Bytes::copy_from_slice(item.get().as_bytes()))
}

/// The id that an input item refers to. The type may be left out (OpenAI API description, schema `ItemReferenceParam`);
/// what has a role is a message.
fn referred(item: &RawValue) -> Option<Text<'_>> {
    if item.get().len() > LONGEST {
        return None;
    }
    let kind: Kind<'_> = serde_json::from_str(item.get()).ok()?;
    let is_one = match kind.r#type.as_deref() {
        Some(kind) => kind == "item_reference",
        None => kind.role.is_none(),
    };
    is_one.then(|| serde_json::from_str::<Identified<'_>>(item.get()).ok()?.id)?
}

/// The request with each reference that `find` knows replaced by the item; `None` if there is no such reference.
pub(super) fn resolved(request: &Envelope, find: &mut dyn FnMut(&str) -> Option<Bytes>) -> Option<Bytes> {
    let (object, body) = request.json()?;
    let input = object.get(body, "input").ok()??;
    let items: Vec<&RawValue> = serde_json::from_slice(&body[input.clone()]).ok()?;
    let found: Vec<Option<Bytes>> =
        items.iter().map(|item| referred(item).and_then(|id| find(&id))).collect();
    if found.iter().all(Option::is_none) {
        return None;
    }
    let mut list = Vec::with_capacity(input.len());
    for (item, found) in items.iter().zip(&found) {
        list.push(if list.is_empty() { b'[' } else { b',' });
        list.extend_from_slice(found.as_deref().unwrap_or(item.get().as_bytes()));
    }
    list.push(b']');
    let mut edits = Edits::default();
    edits.replace(input, list);
    Some(edits.apply(body).concat().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &[u8] =
        br#"{"output":[{"id":"rs_1","type":"reasoning"}, {"id":"msg_1", "type":"message"},{"type":"x"}]}"#;

    #[track_caller]
    fn check(body: &'static str, expect: Option<&str>) {
        let request = Envelope::read(None, Bytes::from_static(body.as_bytes())).unwrap();
        let got = resolved(&request, &mut |id| item(ANSWER, id));
        assert_eq!(got.as_deref().map(|body| std::str::from_utf8(body).unwrap()), expect);
    }

    #[test]
    fn items_are_known_by_their_ids() {
        assert_eq!(ids(ANSWER), ["rs_1", "msg_1"]);
        assert_eq!(item(ANSWER, "msg_1").unwrap(), r#"{"id":"msg_1", "type":"message"}"#);
        assert_eq!(item(ANSWER, "msg_2"), None);
        assert!(ids(b"[]").is_empty());
        assert!(ids(br#"{"output":7}"#).is_empty());
    }

    #[test]
    fn references_become_what_they_refer_to() {
        check(
            r#"{"input":[{"type":"item_reference","id":"rs_1"},{"id":"msg_1"}, {"role":"user","content":"x"},{"type":"item_reference","id":"unknown"}],"model":"m"}"#,
            Some(
                r#"{"input":[{"id":"rs_1","type":"reasoning"},{"id":"msg_1", "type":"message"},{"role":"user","content":"x"},{"type":"item_reference","id":"unknown"}],"model":"m"}"#,
            ),
        );
        check(r#"{"input":[{"type":"item_reference","id":"unknown"}]}"#, None);
        check(r#"{"input":[{"role":"assistant","id":"msg_1","content":"x"}]}"#, None);
        check(r#"{"input":[{"type":"message","id":"msg_1"}]}"#, None);
        check(r#"{"input":"msg_1"}"#, None);
        check(r#"{"input":[7,null,[]]}"#, None);
        check(r#"{}"#, None);
    }
}
