//! Nodes of the own form, made from those of another: each stands where its value was written.

use crate::span::Span;
use crate::tree::{Entry, Kind, Node, Scalar};

/// A mapping of the own form under construction.
#[derive(Clone, Debug)]
pub(crate) struct Table {
    span: Span,
    entries: Vec<Entry>,
}

impl Table {
    /// A mapping that stands for what is written at `span`.
    pub(crate) fn at(span: Span) -> Self {
        Self { span, entries: Vec::new() }
    }

    /// Adds a value.
    pub(crate) fn put(&mut self, key: &str, value: Node) {
        // Where its value begins, and no wider: keys may be quoted, and the value may be a secret.
        let key_span = Span { end: value.span.start, ..value.span };
        self.entries.push(Entry { key: key.to_owned(), key_span, value, comment: None });
    }

    /// Adds a value if there is one.
    pub(crate) fn put_some(&mut self, key: &str, value: Option<Node>) {
        if let Some(value) = value {
            self.put(key, value);
        }
    }

    /// Adds a value whose meaning had to be chosen, and says why above it.
    pub(crate) fn put_chosen(&mut self, key: &str, value: Node, comment: &str) {
        self.put(key, value);
        if let Some(entry) = self.entries.last_mut() {
            entry.comment = Some(comment.to_owned());
        }
    }

    /// Adds what another has, with its comments.
    pub(crate) fn extend(&mut self, other: &Self) {
        self.entries.extend(other.entries.iter().cloned());
    }

    /// Whether a value was added for the key.
    pub(crate) fn has(&self, key: &str) -> bool {
        self.keys().any(|known| known == key)
    }

    /// The keys, in their order.
    pub(crate) fn keys(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| entry.key.as_str())
    }

    /// Whether nothing was added.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The mapping.
    pub(crate) fn node(self) -> Node {
        Node { span: self.span, kind: Kind::Mapping(self.entries) }
    }

    /// The mapping, unless nothing was added.
    pub(crate) fn some(self) -> Option<Node> {
        if self.is_empty() { None } else { Some(self.node()) }
    }
}

/// A scalar in which `${VAR}` refers to a variable, and whose quotes are left to its content: a number or a truth value is
/// one.
pub(crate) fn written(span: Span, text: impl Into<String>) -> Node {
    let scalar = Scalar { text: text.into(), plain: true, interpolated: false };
    Node { span, kind: Kind::Scalar(scalar) }
}

/// A text in which `${VAR}` refers to a variable.
pub(crate) fn referring(span: Span, text: impl Into<String>) -> Node {
    let scalar = Scalar { text: text.into(), plain: false, interpolated: false };
    Node { span, kind: Kind::Scalar(scalar) }
}

/// A text that stands for itself, whatever is in it.
pub(crate) fn literal(span: Span, text: &str) -> Node {
    let scalar = Scalar { text: text.replace('$', "$$"), plain: false, interpolated: false };
    Node { span, kind: Kind::Scalar(scalar) }
}

/// A list.
pub(crate) fn list(span: Span, items: Vec<Node>) -> Node {
    Node { span, kind: Kind::Sequence(items) }
}

/// A value of any shape as it is written, in which no `$` refers to a variable.
pub(crate) fn verbatim(node: &Node) -> Node {
    copied(node, &|span| span)
}

/// The same, standing as a whole at `span`.
pub(crate) fn verbatim_at(node: &Node, span: Span) -> Node {
    copied(node, &|_| span)
}

fn copied(node: &Node, at: &dyn Fn(Span) -> Span) -> Node {
    let kind = match &node.kind {
        Kind::Scalar(scalar) => {
            Kind::Scalar(Scalar { text: scalar.text.replace('$', "$$"), ..scalar.clone() })
        }
        Kind::Sequence(items) => Kind::Sequence(items.iter().map(|item| copied(item, at)).collect()),
        Kind::Mapping(entries) => {
            let entry = |entry: &Entry| Entry {
                key: entry.key.clone(),
                key_span: at(entry.key_span),
                value: copied(&entry.value, at),
                comment: None,
            };
            Kind::Mapping(entries.iter().map(entry).collect())
        }
        Kind::Broken => Kind::Broken,
    };
    Node { span: at(node.span), kind }
}
