//! Arguments that come in pieces (Vertex `streamFunctionCallArguments`), put together again.

use super::super::{wire, write};

/// Deepest path that is followed.
const MAX_DEPTH: usize = 64;
/// Longest list that is built.
const MAX_ITEMS: usize = 65_536;

/// The arguments of one call, so far.
#[derive(Debug, Default)]
pub(super) struct Arguments {
    root: Vec<(String, Node)>,
}

#[derive(Debug)]
enum Node {
    Object(Vec<(String, Node)>),
    Array(Vec<Node>),
    Text(String),
    /// A number, a truth value or null, as JSON.
    Plain(String),
}

enum Step {
    Name(String),
    Index(usize),
}

impl Arguments {
    /// Takes in one piece; false if its path cannot be followed.
    pub(super) fn add(&mut self, piece: &wire::PartialArg<'_>) -> bool {
        let Some(steps) = piece.path.as_deref().and_then(steps) else { return false };
        let Some((Step::Name(first), rest)) = steps.split_first() else { return false };
        let Some(place) = descend(member(&mut self.root, first), rest) else { return false };
        let plain = |text: &str| Node::Plain(text.to_owned());
        match (&piece.text, piece.number, piece.flag) {
            // Pieces of one text follow each other.
            (Some(text), ..) => match place {
                Node::Text(before) => before.push_str(text),
                _ => *place = Node::Text(text.to_string()),
            },
            (None, Some(number), _) => *place = plain(number.get()),
            (None, None, Some(flag)) => *place = plain(if flag { "true" } else { "false" }),
            // An empty container or the end of a text has no value; neither does `nullValue`, whose place is null.
            (None, None, None) => {}
        }
        true
    }

    /// The arguments as JSON text.
    pub(super) fn json(&self) -> String {
        let mut out = Vec::new();
        write_object(&self.root, &mut out);
        String::from_utf8(out).unwrap_or_else(|_| "{}".into())
    }
}

fn member<'n>(members: &'n mut Vec<(String, Node)>, name: &str) -> &'n mut Node {
    let at = members.iter().position(|(known, _)| known == name).unwrap_or_else(|| {
        members.push((name.to_owned(), Node::Plain("null".into())));
        members.len() - 1
    });
    &mut members[at].1
}

/// The node at the end of the path; what is on the way becomes a container.
fn descend<'n>(mut node: &'n mut Node, steps: &[Step]) -> Option<&'n mut Node> {
    for step in steps {
        match step {
            Step::Name(name) => {
                if !matches!(node, Node::Object(_)) {
                    *node = Node::Object(Vec::new());
                }
                let Node::Object(members) = node else { return None };
                node = member(members, name);
            }
            Step::Index(index) => {
                if !matches!(node, Node::Array(_)) {
                    *node = Node::Array(Vec::new());
                }
                let Node::Array(items) = node else { return None };
                // One further than the last: a path may not make a list grow by more than it says.
                if *index > items.len() || *index >= MAX_ITEMS {
                    return None;
                }
                if *index == items.len() {
                    items.push(Node::Plain("null".into()));
                }
                node = &mut items[*index];
            }
        }
    }
    Some(node)
}

/// Reads a path such as `$.a.b[0]['c d']` (RFC 9535, the part that names one place).
fn steps(path: &str) -> Option<Vec<Step>> {
    let mut rest = path.strip_prefix('$')?;
    let mut steps = Vec::new();
    while !rest.is_empty() {
        if steps.len() == MAX_DEPTH {
            return None;
        }
        if let Some(named) = rest.strip_prefix('.') {
            let end = named.find(['.', '[']).unwrap_or(named.len());
            steps.push(Step::Name(named[..end].to_owned()));
            rest = &named[end..];
            continue;
        }
        let inner = rest.strip_prefix('[')?;
        let quote = inner.chars().next()?;
        if matches!(quote, '\'' | '"') {
            let end = inner[1..].find(&[quote, ']'].iter().collect::<String>())?;
            steps.push(Step::Name(inner[1..=end].to_owned()));
            rest = &inner[end + 3..];
        } else {
            let (index, behind) = inner.split_once(']')?;
            steps.push(Step::Index(index.parse().ok()?));
            rest = behind;
        }
    }
    Some(steps)
}

fn write_object(members: &[(String, Node)], out: &mut Vec<u8>) {
    write::object(out, |object| members.iter().for_each(|(name, node)| write_node(node, object.key(name))));
}

fn write_node(node: &Node, out: &mut Vec<u8>) {
    match node {
        Node::Object(members) => write_object(members, out),
        Node::Array(items) => {
            write::array(out, |array| items.iter().for_each(|item| write_node(item, array.item())))
        }
        Node::Text(text) => write::string(out, text),
        Node::Plain(json) => out.extend_from_slice(json.as_bytes()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(pieces: &[&str], expect: &str) {
        let mut arguments = Arguments::default();
        for piece in pieces {
            let piece: wire::PartialArg<'_> = serde_json::from_str(piece).unwrap();
            arguments.add(&piece);
        }
        assert_eq!(arguments.json(), expect);
    }

    #[test]
    fn pieces_become_arguments() {
        check(&[], "{}");
        check(
            &[
                r#"{"jsonPath":"$.a","stringValue":"New ","willContinue":true}"#,
                r#"{"jsonPath":"$.a","stringValue":"York"}"#,
                r#"{"jsonPath":"$.b.c[0].d","numberValue":1.50}"#,
                r#"{"jsonPath":"$.b.c[1]","boolValue":false}"#,
                r#"{"jsonPath":"$['e f']","nullValue":"NULL_VALUE"}"#,
            ],
            r#"{"a":"New York","b":{"c":[{"d":1.50},false]},"e f":null}"#,
        );
    }

    #[test]
    fn paths_that_lead_nowhere_are_left_alone() {
        for path in ["", "$", "a", "$.a[9]", "$.a[", "$.a['b", "$[0]", "$.a[-1]", "$['é"] {
            let piece = format!(r#"{{"jsonPath":{path:?},"stringValue":"x"}}"#);
            let piece: wire::PartialArg<'_> = serde_json::from_str(&piece).unwrap();
            assert!(!Arguments::default().add(&piece), "{path}");
        }
    }
}
