//! Names what of an answer only the provider's own dialect has.

use serde_json::value::RawValue;

use crate::ir::{Losses, Members, Text};

/// The member of an answer that decoders take the counts out of: what is left of it is lost, not all of it.
const COUNTED: &str = "usage";

/// Names `members` as losses, those inside what is left of the usage by their own names.
pub(super) fn lose(members: &Members<'_>, why: &'static str, losses: &mut Losses) {
    for (name, raw) in members {
        lose_one(name, raw, why, losses);
    }
}

/// The same of a single member, as a stream brings it.
pub(super) fn lose_one(name: &str, raw: &RawValue, why: &'static str, losses: &mut Losses) {
    let inside = if name == COUNTED { names(raw) } else { Vec::new() };
    if inside.is_empty() {
        losses.add(name.to_owned(), why);
    }
    for member in inside {
        losses.add(format!("{name}.{member}"), why);
    }
}

/// The names of an object's members; none if it is not one.
fn names(raw: &RawValue) -> Vec<Text<'_>> {
    let members: Option<std::collections::BTreeMap<Text<'_>, &RawValue>> =
        serde_json::from_str(raw.get()).ok();
    members.into_iter().flatten().map(|(name, _)| name).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::raw;

    #[test]
    fn only_what_is_left_of_the_usage_is_named() {
        let members = vec![
            ("usage".into(), raw(&serde_json::json!({"b": 1, "a": {}}))),
            ("trace".into(), raw(&serde_json::json!({"c": 1}))),
            ("usage".into(), raw(&3)),
        ];
        let mut losses = Losses::default();
        lose(&members, "w", &mut losses);
        assert_eq!(losses.to_string(), "usage.a (w), usage.b (w), trace (w), usage (w)");
    }
}
