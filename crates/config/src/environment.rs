//! A config without a file: providers from the environment variables that people already have.

use lockgate_provider::Environment;

use crate::validate::needs_base_url;
use crate::{Config, Env, Provider, Secret, Served, text};

/// What the environment gave.
#[derive(Clone, Debug)]
pub struct FromEnv {
    /// The defaults, and one provider per row whose variables are set.
    pub config: Config,
    /// The variables that were used, in the order of the rows.
    pub variables: Vec<String>,
    /// What was set but could not be used, and why, in words.
    pub skipped: Vec<String>,
}

/// Makes a config from the environment alone. A variable that is set to nothing counts as not set.
///
/// A single provider answers every bare model name. With several, nobody has said which one a bare name
/// means, and clients ask for `provider/model`.
pub fn from_env(rows: &[Environment], env: Env<'_>) -> FromEnv {
    let set = |name: &str| env(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty());
    let mut result = FromEnv { config: Config::default(), variables: Vec::new(), skipped: Vec::new() };
    for row in rows {
        let Some(api_key) = set(row.api_key) else { continue };
        let base_url = row.base_url.and_then(set);
        let region = row.region.iter().find_map(|name| Some((*name, set(name)?)));
        let has_region = row.region.is_empty() || region.is_some();
        if let Err(complaint) = usable(row, &api_key, base_url.as_deref(), has_region) {
            result.skipped.push(complaint);
            continue;
        }
        result.variables.push(row.api_key.to_owned());
        result.variables.extend(base_url.as_ref().and(row.base_url).map(str::to_owned));
        let api_version = row.api_version.and_then(set);
        result.variables.extend(api_version.as_ref().and(row.api_version).map(str::to_owned));
        result.variables.extend(region.as_ref().map(|(name, _)| (*name).to_owned()));
        let provider = Provider {
            base_url,
            api_version,
            region: region.map(|(_, region)| region),
            api_key: Some(Secret::new(api_key)),
            ..Provider::new(row.kind)
        };
        result.config.providers.insert(row.kind.to_owned(), provider);
    }
    if let [provider] = result.config.providers.values_mut().collect::<Vec<_>>().as_mut_slice() {
        provider.models = vec![Served { name: "*".to_owned(), alias: None }];
    }
    result
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
