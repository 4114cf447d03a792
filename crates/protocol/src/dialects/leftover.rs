//! Names what of an answer only the provider's own dialect has.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::ir::{Losses, Members, Text};

/// The member of an answer that decoders take the counts out of: what is left of it is lost, not all of it.
const COUNTED: &str = "usage";

/// Names `members` as losses, those inside what is left of the usage by their own names, but for counts of nothing.
pub(super) fn lose(members: &Members<'_>, why: &'static str, losses: &mut Losses) {
    for (name, raw) in members {
        lose_one(name, raw, why, losses);
    }
}

/// The same of a single member, as a stream brings it.
pub(super) fn lose_one(name: &str, raw: &RawValue, why: &'static str, losses: &mut Losses) {
    match members_of(raw).filter(|_| name == COUNTED) {
        None => losses.add(name.to_owned(), why),
        Some(inside) => inside
            .into_iter()
            .filter(|(_, raw)| !is_nothing(raw))
            .for_each(|(member, _)| losses.add(format!("{name}.{member}"), why)),
    }
}

/// Names the members of the one choice that there is.
pub(super) fn lose_of_choice(members: &Members<'_>, why: &'static str, losses: &mut Losses) {
    members.iter().for_each(|(name, _)| losses.add(format!("choices[0].{name}"), why));
}

/// The members of an object, in the order of their names; `None` if it is not one.
fn members_of(raw: &RawValue) -> Option<BTreeMap<Text<'_>, &RawValue>> {
    serde_json::from_str(raw.get()).ok()
}

/// Whether a count is of nothing: zero, or an object of such counts.
fn is_nothing(raw: &RawValue) -> bool {
    match members_of(raw) {
        Some(counts) => counts.values().all(|count| is_zero(count)),
        None => is_zero(raw),
    }
}

fn is_zero(raw: &RawValue) -> bool {
    raw.get() == "null" || raw.get().parse() == Ok(0.0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ir::raw;

    #[test]
    fn only_what_is_left_of_the_usage_is_named() {
        let members = vec![
            (
                "usage".into(),
                raw(&serde_json::json!({"b": 1, "a": {"n": 0, "m": 2}, "c": {"n": 0}, "d": 0, "e": ""})),
            ),
            ("trace".into(), raw(&serde_json::json!({"c": 1}))),
            ("usage".into(), raw(&3)),
        ];
        let mut losses = Losses::default();
        lose(&members, "w", &mut losses);
        assert_eq!(losses.to_string(), "usage.a (w), usage.b (w), usage.e (w), trace (w), usage (w)");
    }
}
