//! A config without a file: providers from the environment variables that people already have.

use std::path::{Path, PathBuf};

use lockgate_provider::Environment;

use crate::dot_env::DotEnv;
use crate::foreign::table::{Table, list};
use crate::reading::{Around, Reading};
use crate::span::Span;
use crate::tree::{Kind, Node, Scalar};
use crate::validate::needs_base_url;
use crate::{Config, Env, Errors, Finished, Names, finish, text};

/// What the environment gave.
#[derive(Clone, Debug)]
pub struct FromEnv {
    /// The defaults, one provider per row whose variables are set, and what overrides them.
    pub config: Config,
    /// The variables that providers were made of, in the order of the rows.
    pub variables: Vec<String>,
    /// The variables that put a value in the place of a default.
    pub overrides: Vec<String>,
    /// What was set but could not be used, and why, in words.
    pub skipped: Vec<String>,
    /// Every file that was looked at or for.
    pub files: Vec<PathBuf>,
}

/// Makes a config from the environment alone, and from the `.env` in `folder`. A variable that is set to nothing counts
/// as not set.
///
/// A single provider answers every bare model name. With several, nobody has said which one a bare name
/// means, and clients ask for `provider/model`.
///
/// # Errors
/// What is wrong with the variables that override settings, and with the `.env`.
pub fn from_env(
    rows: &[Environment],
    folder: &Path,
    env: Env<'_>,
    names: Names<'_>,
) -> Result<FromEnv, Errors> {
    let beside = DotEnv::beside(&folder.join("none"));
    let both = |name: &str| beside.or(name, env);
    let all = || beside.names(names);
    let mut reading = Reading::new(Around::files(&both));
    beside.report(&mut reading);
    let (root, variables, skipped) = providers(rows, &both, &mut reading);
    match finish(root, &mut reading, &all) {
        Some(Finished { mut config, overrides, .. }) => {
            config.server.begin_at(folder, env("HOME").as_deref());
            let mut files = reading.files;
            files.extend(config.server.tls_files().into_iter().map(Path::to_path_buf));
            Ok(FromEnv { config, variables, overrides, skipped, files })
        }
        None => Err(reading.errors()),
    }
}

/// The config of the variables as a file would have it, the variables, and what cannot be used of them.
fn providers(
    rows: &[Environment],
    env: Env<'_>,
    reading: &mut Reading<'_>,
) -> (Node, Vec<String>, Vec<String>) {
    let set = |name: &str| env(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let (mut variables, mut skipped) = (Vec::new(), Vec::new());
    let mut made = Vec::new();
    for row in rows {
        let Some(api_key) = set(row.api_key) else { continue };
        let named = |name: &'static str| Some((name, set(name)?));
        let base_url = row.base_url.and_then(named);
        let region = row.region.iter().find_map(|name| named(name));
        let has_region = row.region.is_empty() || region.is_some();
        let url = base_url.as_ref().map(|(_, url)| url.as_str());
        if let Err(complaint) = usable(row, &api_key, url, has_region) {
            skipped.push(complaint);
            continue;
        }
        let span = reading.sources.add_variable(row.api_key);
        variables.push(row.api_key.to_owned());
        let mut provider = Table::at(span);
        provider.put("kind", value(span, row.kind));
        provider.put("api_key", value(span, &api_key));
        let further =
            [("base_url", base_url), ("api_version", row.api_version.and_then(named)), ("region", region)];
        for (key, found) in further {
            if let Some((name, text)) = found {
                provider.put(key, value(reading.sources.add_variable(name), &text));
                variables.push(name.to_owned());
            }
        }
        made.push((row.kind, span, provider));
    }
    if let [(_, span, provider)] = made.as_mut_slice() {
        provider.put("models", list(*span, vec![value(*span, "*")]));
    }
    let mut providers = Table::at(Span::default());
    for (kind, _, provider) in made {
        providers.put(kind, provider.node());
    }
    let mut root = Table::at(Span::default());
    root.put_some("providers", providers.some());
    (root.node(), variables, skipped)
}

/// A value of a variable, which is never shown.
fn value(span: Span, text: &str) -> Node {
    Node { span, kind: Kind::Scalar(Scalar { text: text.to_owned(), plain: false, interpolated: true }) }
}

/// Whether a row's variables make a provider, and if not, why.
fn usable(row: &Environment, api_key: &str, base_url: Option<&str>, has_region: bool) -> Result<(), String> {
    let Environment { kind, api_key: key_variable, .. } = row;
    if let Some(fault) = text::secret_fault(api_key) {
        return Err(format!("`{key_variable}` {fault}"));
    }
    match (base_url, row.base_url) {
        (Some(url), Some(variable)) => match text::base_url_fault(url) {
            Some(fault) => Err(format!("`{key_variable}` is set, but `{variable}` {fault}")),
            None => Ok(()),
        },
        (None, Some(variable)) if needs_base_url(kind) => {
            Err(format!("`{key_variable}` is set, but `{variable}` is not"))
        }
        (None, None) if needs_base_url(kind) => Err(format!(
            "`{key_variable}` is set, but a provider of kind `{kind}` needs a URL from a config file"
        )),
        (None, _) if !has_region => {
            Err(format!("`{key_variable}` is set, but `{}` is not", row.region.join("` or `")))
        }
        _ => Ok(()),
    }
}
