//! The lists of keys as providers: keys for the same address are credentials of one.

use super::entry::{Entry, Setting, headers};
use super::words::{NO_CLI, Program, SECTIONS};
use crate::foreign::common::{Names, kind_at};
use crate::foreign::section::Section;
use crate::foreign::table::{Table, list, literal, written};
use crate::reading::Reading;
use crate::span::Span;
use crate::tree::Node;

/// The providers of a file.
pub(super) struct Providers {
    pub(super) node: Option<Node>,
    /// How many keys there are.
    pub(super) keys: usize,
}

/// One provider under construction.
struct Place<'n> {
    kind: &'static str,
    base_url: Option<(String, Span)>,
    /// What the file calls it.
    name: Option<&'n str>,
    span: Span,
    credentials: Vec<Node>,
    /// The names that its credentials have.
    labels: Vec<&'n str>,
}

pub(super) fn providers<'n>(
    root: &'n Node,
    program: Program,
    top: &mut Section<'n>,
    reading: &mut Reading<'_>,
) -> Providers {
    let is_weighted = |node: &Node| matches!(&node.kind, crate::tree::Kind::Scalar(it) if it.text == "weighted-round-robin");
    let strategy = root.get("routing").and_then(|routing| routing.get("strategy"));
    let setting = Setting {
        root,
        program,
        is_forced: top.truth("force-model-prefix", reading).unwrap_or(false),
        has_weights: program == Program::AiProxy || strategy.is_some_and(is_weighted),
        cloak_headers: cloak_headers(program, top, reading),
    };
    let mut places: Vec<Place<'n>> = Vec::new();
    // What `prefix/model` means must not be the name of a provider.
    let mut names = Names::default();
    for row in SECTIONS {
        for (path, node) in top.items(row.key, reading) {
            let entry = Entry::of(row, (&path, node), &setting, reading);
            if let Some(prefix) = entry.prefix {
                names.take(prefix);
            }
            let is_compatible = row.home.is_empty();
            let Some(kind) = kind(row.home, &entry, &path, reading) else { continue };
            let base_url = entry.base_url.map(|url| (url.text.trim_end_matches('/').to_owned(), url.span));
            let name = entry.name.map(|name| name.text);
            let own_name = name.filter(|_| is_compatible);
            let is_same = |place: &Place<'_>| {
                place.kind == kind
                    && place.name == own_name
                    && place.base_url.as_ref().map(|it| &it.0) == base_url.as_ref().map(|it| &it.0)
            };
            let at = places.iter().position(is_same).unwrap_or_else(|| {
                let place = Place {
                    kind,
                    base_url,
                    name: own_name,
                    span: entry.span,
                    credentials: Vec::new(),
                    labels: Vec::new(),
                };
                places.push(place);
                places.len() - 1
            });
            places[at].add(entry, name.filter(|_| !is_compatible));
        }
    }
    let keys = places.iter().map(|place| place.credentials.len()).sum();
    let mut own = Table::at(root.span);
    for place in places.into_iter().filter(|place| !place.credentials.is_empty()) {
        let name = names.free(place.name.unwrap_or(place.kind));
        own.put(&name, place.node());
    }
    Providers { node: own.some(), keys }
}

/// The kind of an entry: its list's, or that of its address.
fn kind(home: &str, entry: &Entry<'_>, path: &str, reading: &mut Reading<'_>) -> Option<&'static str> {
    if !home.is_empty() {
        return Some(kind_at(home));
    }
    if entry.base_url.is_none() {
        let message = format!("`{path}` has no `base-url`");
        let hint = "write where the provider is, such as `https://api.deepseek.com`".to_owned();
        reading.findings.report(entry.span, path, message, Some(hint));
    }
    entry.base_url.map(|url| kind_at(url.text))
}

impl<'n> Place<'n> {
    fn add(&mut self, entry: Entry<'n>, label: Option<&'n str>) {
        let label = label.filter(|label| !self.labels.contains(label) && entry.credentials.len() == 1);
        self.labels.extend(label);
        for credential in entry.credentials {
            let mut named = Table::at(entry.span);
            named.put_some("name", label.map(|label| literal(entry.span, label)));
            named.extend(&credential);
            self.credentials.push(named.node());
        }
    }

    fn node(self) -> Node {
        let mut own = Table::at(self.span);
        own.put("kind", written(self.span, self.kind));
        own.put_some("base_url", self.base_url.map(|(url, span)| literal(span, &url)));
        own.put("credentials", list(self.span, self.credentials));
        own.node()
    }
}

/// The headers of cloaked requests, which the one program takes by their names; the other makes them of another program's
/// versions.
fn cloak_headers(program: Program, top: &mut Section<'_>, reading: &mut Reading<'_>) -> Option<Node> {
    const KEY: &str = "claude-header-defaults";
    if program == Program::CliProxy {
        top.meaningless(KEY, NO_CLI, reading);
        return None;
    }
    top.section(KEY, reading).and_then(|section| headers(section, reading))
}
