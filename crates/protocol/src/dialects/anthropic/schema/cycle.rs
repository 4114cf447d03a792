//! Finds out whether a schema refers to itself.

use std::collections::HashMap;

use serde_json::Value;

/// Most references behind each other that are followed; a schema with more is taken for one that refers to itself.
const MAX_CHAIN: usize = 64;

/// Whether a reference within `schema` leads back to where it stands.
pub(super) fn is_in(schema: &str) -> bool {
    if !schema.contains("\"$ref\"") {
        return false;
    }
    let Ok(root) = serde_json::from_str::<Value>(schema) else { return false };
    let mut search = Search { root: &root, seen: HashMap::new() };
    search.returns(&root, 0)
}

/// Where a search stands with a schema.
#[derive(Clone, Copy, PartialEq)]
enum Seen {
    /// The way that is gone now leads through it.
    OnTheWay,
    /// Nothing behind it leads back.
    Harmless,
}

struct Search<'v> {
    root: &'v Value,
    /// By the address of the schema: a place can be spelled in several ways.
    seen: HashMap<*const Value, Seen>,
}

impl<'v> Search<'v> {
    fn returns(&mut self, schema: &'v Value, chain: usize) -> bool {
        match self.seen.get(&std::ptr::from_ref(schema)) {
            Some(Seen::OnTheWay) => return true,
            Some(Seen::Harmless) => return false,
            None if chain >= MAX_CHAIN => return true,
            None => {}
        }
        self.seen.insert(std::ptr::from_ref(schema), Seen::OnTheWay);
        let mut led_to = Vec::new();
        self.references(schema, &mut led_to);
        for next in led_to {
            if self.returns(next, chain + 1) {
                return true;
            }
        }
        self.seen.insert(std::ptr::from_ref(schema), Seen::Harmless);
        false
    }

    /// The schemas that references anywhere in `value` lead to. Nesting is bounded by the parser of the value.
    fn references(&self, value: &'v Value, led_to: &mut Vec<&'v Value>) {
        match value {
            Value::Object(members) => {
                for (key, member) in members {
                    match member.as_str().and_then(|place| place.strip_prefix('#')) {
                        Some(place) if key == "$ref" => led_to.extend(self.root.pointer(place)),
                        _ => self.references(member, led_to),
                    }
                }
            }
            Value::Array(list) => list.iter().for_each(|item| self.references(item, led_to)),
            _ => {}
        }
    }
}
