//! A tree as YAML, with its comments.

use std::fmt::Write as _;

use crate::tree::{Entry, Kind, Node, Scalar};

/// The file that reads as this tree, in blocks, two spaces a level.
pub(crate) fn yaml(root: &Node) -> String {
    let mut out = String::new();
    match &root.kind {
        Kind::Mapping(entries) if !entries.is_empty() => mapping(entries, 0, &mut out),
        _ => {
            inline(root, &mut out);
            out.push('\n');
        }
    }
    out
}

fn mapping(entries: &[Entry], depth: usize, out: &mut String) {
    for one in entries {
        comment(Some(one), depth, out);
        entry(one, depth, out);
    }
}

/// What is said about an entry.
fn comment(entry: Option<&Entry>, depth: usize, out: &mut String) {
    for line in entry.and_then(|entry| entry.comment.as_deref()).into_iter().flat_map(str::lines) {
        let _ = writeln!(out, "{:depth$}# {line}", "");
    }
}

fn entry(entry: &Entry, depth: usize, out: &mut String) {
    let _ = write!(out, "{:depth$}{}:", "", text(&entry.key, true));
    value(&entry.value, depth + 2, out);
}

/// What stands behind a key.
fn value(node: &Node, depth: usize, out: &mut String) {
    match &node.kind {
        Kind::Mapping(entries) if !entries.is_empty() => {
            out.push('\n');
            mapping(entries, depth, out);
        }
        Kind::Sequence(items) if !items.is_empty() => {
            out.push('\n');
            for item in items {
                // The first key of an item stands behind its dash, and what is said about it above.
                let first = item.entries().first();
                comment(first, depth, out);
                let _ = write!(out, "{:depth$}- ", "");
                match &item.kind {
                    Kind::Mapping(entries) if !entries.is_empty() => {
                        let mut block = String::new();
                        for (index, one) in entries.iter().enumerate() {
                            if index > 0 {
                                comment(Some(one), depth + 2, &mut block);
                            }
                            entry(one, depth + 2, &mut block);
                        }
                        out.push_str(block.trim_start_matches(' '));
                    }
                    _ => {
                        inline(item, out);
                        out.push('\n');
                    }
                }
            }
        }
        _ => {
            out.push(' ');
            inline(node, out);
            out.push('\n');
        }
    }
}

fn inline(node: &Node, out: &mut String) {
    match &node.kind {
        Kind::Scalar(Scalar { text: content, plain, .. }) => out.push_str(&text(content, *plain)),
        Kind::Broken => out.push_str("null"),
        Kind::Sequence(items) => {
            out.push('[');
            for (index, item) in items.iter().enumerate() {
                out.push_str(if index == 0 { "" } else { ", " });
                inline(item, out);
            }
            out.push(']');
        }
        Kind::Mapping(entries) => {
            out.push('{');
            for (index, entry) in entries.iter().enumerate() {
                out.push_str(if index == 0 { " " } else { ", " });
                out.push_str(&text(&entry.key, true));
                out.push_str(": ");
                inline(&entry.value, out);
            }
            out.push_str(if entries.is_empty() { "}" } else { " }" });
        }
    }
}

/// A scalar with quotes where it would mean something else without them.
fn text(content: &str, plain: bool) -> String {
    let is_safe = |c: char| c.is_ascii_alphanumeric() || "_-./*$".contains(c);
    let is_simple = content.chars().all(is_safe)
        && content.starts_with(|c: char| c.is_ascii_alphanumeric() || "./$_".contains(c));
    let is_word = content.starts_with(|c: char| c.is_ascii_alphabetic() || "$_/".contains(c))
        && !matches!(
            content.to_ascii_lowercase().as_str(),
            "true" | "false" | "null" | "yes" | "no" | "on" | "off"
        );
    // JSON's strings are YAML's double-quoted ones.
    if plain && content.parse::<i64>().is_ok() || is_simple && (plain || is_word) {
        content.to_owned()
    } else {
        serde_json::Value::from(content).to_string()
    }
}
