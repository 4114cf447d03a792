//! The form of an API pool: models, each with the providers that answer it in turn.

use super::Form;
use super::common::{Listen, Names, kind_at};
use super::section::{Section, Text};
use super::table::{Table, list, literal, referring, written};
use crate::reading::Reading;
use crate::span::Span;
use crate::tree::{Kind, Node};

pub(super) const FORM: Form = Form {
    name: "an API pool",
    known_by: "`models` with `providers` that have an `api_base`",
    fits,
    convert,
};

/// Where the original listens unless its file says otherwise.
const USUAL: (&str, u16) = ("0.0.0.0", 8080);

fn fits(root: &Node) -> bool {
    let models = root.get("models").map_or(&[][..], Node::entries);
    models
        .iter()
        .any(|model| model.value.get("providers").is_some_and(|it| matches!(it.kind, Kind::Sequence(_))))
}

fn convert(root: &Node, reading: &mut Reading<'_>) -> Option<Node> {
    let mut top = Section::of(root, "", reading);
    let mut out = Table::at(root.span);

    let mut server = top.part("server", reading);
    let listen = Listen::of(&mut server, USUAL, reading);
    server.meaningless("config_file", "the file is named on the command line", reading);
    server.close(reading);
    let mut address = Table::at(listen.address.span);
    address.put("listen", listen.address.clone());
    out.put("server", address.node());
    listen.access(None, &mut out);

    let mut places = Places::default();
    let mut models = Vec::new();
    for (path, entry) in top.part("models", reading).named() {
        let model = Section::of(&entry.value, &path, reading);
        models.extend(Model::of(&entry.key, entry.key_span, model, &mut places, reading));
    }
    out.put_some("providers", places.node(root.span));
    let names: Vec<&str> = models.iter().map(|model| model.name).collect();
    let mut table = Table::at(root.span);
    for model in &models {
        model.put(&names, &mut table);
    }
    out.put_some("models", table.some());

    out.put("strategy", written(root.span, "round_robin"));
    let mut health = Table::at(root.span);
    health.put("interval", written(root.span, "30s"));
    out.put_chosen("health", health.node(), "Providers are looked after every 30 s, as before.");
    top.close(reading);
    Some(out.node())
}

/// One model: what clients call it, what its providers do, and the places that answer it.
struct Model<'n> {
    name: &'n str,
    span: Span,
    upstream: Text<'n>,
    places: Vec<(String, Span)>,
}

impl<'n> Model<'n> {
    /// `None` if nobody answers it, which is said.
    fn of(
        name: &'n str,
        span: Span,
        mut section: Section<'n>,
        places: &mut Places,
        reading: &mut Reading<'_>,
    ) -> Option<Self> {
        let upstream = section.text("model_name", reading).unwrap_or(Text { text: name, span });
        let mut own = Vec::new();
        for (path, item) in section.items("providers", reading) {
            own.extend(places.read(Section::of(item, &path, reading), reading));
        }
        let path = section.path.clone();
        section.close(reading);
        if own.is_empty() {
            reading.note(span, &path, "has no provider that is enabled, and is left out");
            return None;
        }
        Some(Self { name, span, upstream, places: own })
    }

    /// Puts it among the models, which have those names.
    fn put(&self, names: &[&str], models: &mut Table) {
        let mut table = Table::at(self.span);
        let target =
            |(place, span): &(String, Span)| referring(*span, format!("{place}/{}", self.upstream.text));
        table.put("targets", list(self.span, self.places.iter().map(target).collect()));
        if !names.contains(&self.upstream.text) {
            let alias = literal(self.upstream.span, self.upstream.text);
            let comment = "The model's name at its providers was understood too.";
            table.put_chosen("aliases", list(self.upstream.span, vec![alias]), comment);
        }
        models.put(self.name, table.node());
    }
}

/// The providers of all models, each once: models often share them.
#[derive(Default)]
struct Places {
    names: Names,
    known: Vec<Place>,
}

struct Place {
    /// What tells it from others: name, URL and key as they are written.
    written: (String, String, String),
    name: String,
    node: Node,
}

impl Places {
    /// The name of the provider that a section describes, and where it is described; `None` if it is not to be asked.
    fn read(&mut self, mut section: Section<'_>, reading: &mut Reading<'_>) -> Option<(String, Span)> {
        let name = section.text("name", reading);
        let url = section.text("api_base", reading);
        let key = section.text("api_key", reading);
        let is_enabled = section.truth("enabled", reading).unwrap_or(true);
        let (span, path) = (section.span, section.path.clone());
        let has_url = section.has("api_base");
        section.close(reading);
        if !is_enabled {
            reading.note(span, &path, "is not enabled, and is left out");
            return None;
        }
        let Some(url) = url else {
            if !has_url {
                let message = format!("`{path}` has no `api_base`");
                let hint = "write where the provider is, such as `https://api.openai.com/v1`".to_owned();
                reading.findings.report(span, &path, message, Some(hint));
            }
            return None;
        };
        let key = key.filter(|key| !key.text.is_empty());
        let shown = |text: Option<Text<'_>>| text.map_or_else(String::new, |text| text.text.to_owned());
        let written = (shown(name), url.text.to_owned(), shown(key));
        if let Some(known) = self.known.iter().find(|known| known.written == written) {
            return Some((known.name.clone(), url.span));
        }
        let kind = kind_at(url.text);
        let own = self.names.free(name.map_or(kind, |name| name.text));
        let mut table = Table::at(url.span);
        table.put("kind", literal(url.span, kind));
        table.put("base_url", referring(url.span, url.text));
        table.put_some("api_key", key.map(|key| referring(key.span, key.text)));
        self.known.push(Place { written, name: own.clone(), node: table.node() });
        Some((own, url.span))
    }

    fn node(self, span: Span) -> Option<Node> {
        let mut table = Table::at(span);
        for place in self.known {
            table.put(&place.name, place.node);
        }
        table.some()
    }
}
