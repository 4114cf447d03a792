//! The places that the rows name, each once: rows with the same address and the same key share a provider.

use super::deployment::Deployment;
use crate::emit;
use crate::foreign::common::Names;
use crate::foreign::table::{Table, list};
use crate::span::Span;
use crate::tree::Node;

/// Keys of a credential that stand beside the place's own where it is the only one.
const BESIDE: [&str; 2] = ["api_key", "auth"];

/// The providers so far.
#[derive(Default)]
pub(super) struct Places {
    names: Names,
    known: Vec<Place>,
}

struct Place {
    /// What tells it from others: all of it, as it would be written.
    identity: String,
    name: String,
    node: Node,
}

impl Places {
    /// The name of a row's provider, which is made if there is none yet.
    pub(super) fn of(&mut self, deployment: &Deployment<'_>, place: &Table) -> String {
        let node = whole(place, std::slice::from_ref(&deployment.credential), deployment.span);
        let mut identity = emit::yaml(&node);
        if deployment.has_limits {
            identity.push_str(&deployment.path);
        }
        if let Some(known) = self.known.iter().find(|known| known.identity == identity) {
            return known.name.clone();
        }
        let name = self.names.free(deployment.kind);
        self.known.push(Place { identity, name: name.clone(), node });
        name
    }

    /// Makes a provider of that very name out of several credentials; `None` if the name is taken or none for a provider.
    pub(super) fn named(
        &mut self,
        name: &str,
        place: &Table,
        credentials: &[Table],
        span: Span,
    ) -> Option<String> {
        let is_name =
            crate::text::provider_name_fault(name).is_none() && self.known.iter().all(|it| it.name != name);
        if !is_name {
            return None;
        }
        self.names.take(name);
        let node = whole(place, credentials, span);
        let identity = emit::yaml(&node);
        self.known.push(Place { identity, name: name.to_owned(), node });
        Some(name.to_owned())
    }

    /// Keeps a name from being a provider's, because it is a prefix.
    pub(super) fn take(&mut self, name: &str) {
        self.names.take(name);
    }

    pub(super) fn node(self, span: Span) -> Option<Node> {
        let mut own = Table::at(span);
        for place in self.known {
            own.put(&place.name, place.node);
        }
        own.some()
    }
}

/// A provider: a single credential that says no more than its proof stands beside the rest.
fn whole(place: &Table, credentials: &[Table], span: Span) -> Node {
    let mut own = Table::at(span);
    own.extend(place);
    match credentials {
        [only] if only.keys().all(|key| BESIDE.contains(&key)) => own.extend(only),
        several => {
            own.put("credentials", list(span, several.iter().cloned().map(Table::node).collect()));
        }
    }
    own.node()
}
