//! The form of LiteLLM's proxy: a `model_list` whose rows of one name are a pool, and settings for all.

mod alerts;
mod deployment;
mod groups;
mod params;
mod places;
mod settings;
mod variables;
mod wildcard;
mod words;

use std::path::{Path, PathBuf};

use super::Form;
use super::common::{self, Listen};
use super::section::{Section, text};
use super::table::{Table, list, referring, written};
use crate::reading::Reading;
use crate::tree::Node;
use deployment::Deployment;
use groups::Groups;
use params::Shared;
use places::Places;
use settings::Settings;
use variables::Variables;

pub(super) const FORM: Form = Form {
    name: "LiteLLM",
    known_by: "`model_list`",
    fits: |root| root.get("model_list").is_some(),
    convert,
};

/// Where the original listens unless a variable says otherwise.
const USUAL: (&str, &str) = ("0.0.0.0", "4000");

fn convert(root: &Node, reading: &mut Reading<'_>) -> Option<Node> {
    let included = included(root, reading);
    let mut top = Section::of(root, "", reading);
    // Read before all else, since what it brings has to stay.
    top.node("include");
    let mut variables = Variables::of(&mut top, reading);
    let shared = Shared::of(&mut top, reading);
    let mut settings = Settings::of(&mut top, &mut variables, reading);
    let mut out = Table::at(root.span);

    let listen = listen(&top, reading);
    let mut server = Table::at(listen.address.span);
    server.put("listen", listen.address.clone());
    server.put_some("max_body", settings.max_body.take());
    server.put_some("max_requests", settings.max_requests.take());
    out.put("server", server.node());
    out.put_some("access", access(&listen, &mut settings, &mut variables, &top, reading));

    let mut rows = top.items("model_list", reading);
    for (file, node) in &included {
        let mut section = Section::of(node, "", reading);
        rows.extend(section.items("model_list", reading));
        let path = file.display().to_string();
        for (_, entry) in section.named().into_iter().filter(|(_, entry)| entry.key != "model_list") {
            let why = format!("has no meaning here: only the `model_list` of `{path}` is read");
            reading.note(entry.key_span, &entry.key, why);
        }
    }
    let mut deployments = Vec::new();
    for (path, node) in rows {
        deployments.extend(Deployment::of(&path, node, &shared, &settings, &mut variables, reading));
    }
    let mut places = Places::default();
    wildcard::place(&mut deployments, &mut places, &mut variables, reading);
    let groups = Groups::of(&deployments, &mut places);
    out.put_some("providers", places.node(root.span));
    out.put_some("models", groups.models(&settings, reading, root.span));
    match settings.strategy() {
        (strategy, Some(comment)) => out.put_chosen("strategy", strategy, comment),
        (strategy, None) => out.put("strategy", strategy),
    }
    out.put_some("retry", settings.retry());
    out.put("health", settings.health());
    out.put_some("alerts", settings.alerts.take());
    out.put_some("prices", groups.prices(root.span));
    out.put_some("rules", groups.rules(root.span));
    out.put_some("log", settings.log.take());

    for (key, why) in words::TOP {
        top.meaningless(key, why, reading);
    }
    top.close(reading);
    variables.close(reading);
    Some(out.node())
}

/// The files that `include` names, beside the file itself.
fn included(root: &Node, reading: &mut Reading<'_>) -> Vec<(PathBuf, Node)> {
    let mut top = Section::of(root, "", reading);
    let folder = reading.sources.get(root.span.source).map(|source| PathBuf::from(&source.name));
    let folder = folder.as_deref().and_then(Path::parent).map(Path::to_path_buf).unwrap_or_default();
    let mut files = Vec::new();
    for (path, item) in top.items("include", reading) {
        let Some(name) = text(item, &path, reading) else { continue };
        let file = folder.join(name.text);
        files.extend(reading.file(&file, name.span, &path).map(|node| (file, node)));
    }
    files
}

/// The address is not in the file: variables or the command line say it.
fn listen(top: &Section<'_>, reading: &mut Reading<'_>) -> Listen {
    let (mut host, mut port) = (USUAL.0.to_owned(), USUAL.1.to_owned());
    for (name, value) in [("HOST", &mut host), ("PORT", &mut port)] {
        let Some(set) = (reading.around.env)(name).filter(|set| !set.trim().is_empty()) else { continue };
        let is_meant = match name {
            "PORT" => set.trim().parse::<u16>().is_ok(),
            // Shells put the machine's own name here.
            _ => set.trim().parse::<std::net::IpAddr>().is_ok() || set.trim() == "localhost",
        };
        if is_meant {
            *value = set.trim().to_owned();
            reading.note(top.span, "", format!("the variable `{name}` says where to listen"));
        }
    }
    let host = common::host(&host);
    Listen { address: referring(top.span, format!("{host}:{port}")), is_local: common::is_local(&host) }
}

/// The master key is a client's here; the admin API has a key of its own.
fn access(
    listen: &Listen,
    settings: &mut Settings,
    variables: &mut Variables<'_>,
    top: &Section<'_>,
    reading: &mut Reading<'_>,
) -> Option<Node> {
    const VARIABLE: &str = "LITELLM_MASTER_KEY";
    let key = settings.master_key.take().or_else(|| {
        let is_set = variables.is_set(VARIABLE, reading);
        is_set.then(|| variables.referred(top.span, VARIABLE))
    });
    let mut access = Table::at(top.span);
    match key {
        Some(key) => {
            let mut client = Table::at(top.span);
            client.put("name", written(top.span, "master"));
            client.put("key", key);
            let comment = "A key that clients have does not open the admin API: that takes an `admin_key`.";
            access.put_chosen("keys", list(top.span, vec![client.node()]), comment);
        }
        None if !listen.is_local => {
            let comment = "Without a master key whoever reaches the address may call, as before.";
            access.put_chosen("open", written(top.span, "true"), comment);
        }
        None => {}
    }
    access.some()
}
