//! Any other gateway, from a small description file.

use std::collections::BTreeMap;
use std::fs;
use std::net::SocketAddr;
use std::path::Path;

use lockgate_testkit::process::{Process, free_address};
use serde::Deserialize;

use super::START_LIMIT;
use crate::bench::asks::{CLIENT_KEY, OPENAI_CHAT};
use crate::bench::cores::Cores;
use crate::bench::house::{OPENAI, folder};
use crate::workspace::Failure;

/// What the file says. In `command`, `config` and `env`, `{port}` is where it has to listen on 127.0.0.1, `{upstream}` the
/// mock provider as `address:port`, `{key}` the key that the load shows, `{model}` the provider's name of the model and
/// `{config}` the file with `config` in it.
#[derive(Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Description {
    /// What the tables call it.
    name: String,
    /// The program and its arguments. It must stay in the foreground.
    command: Vec<String>,
    /// Its config, which is put into a file.
    #[serde(default)]
    config: String,
    /// What that file is called: many programs go by the ending.
    #[serde(default = "config_name")]
    config_name: String,
    /// Variables of its environment.
    #[serde(default)]
    env: BTreeMap<String, String>,
    /// The path that answers 200 once it serves.
    ready: String,
    /// The path of chat completions, where it is not OpenAI's.
    #[serde(default = "path")]
    path: String,
    /// The model to ask for.
    model: String,
    /// Headers beside OpenAI's, or in place of those of the same name.
    #[serde(default)]
    headers: BTreeMap<String, String>,
}

fn config_name() -> String {
    "config.yaml".to_owned()
}

fn path() -> String {
    OPENAI_CHAT.path.to_owned()
}

/// A running one.
pub(super) struct Described {
    pub(super) name: String,
    pub(super) process: Process,
    pub(super) address: SocketAddr,
    pub(super) path: String,
    pub(super) headers: Vec<(String, String)>,
    pub(super) model: String,
}

/// Starts what `file` describes.
pub(super) fn start(file: &Path, cores: &Cores, mock: SocketAddr) -> Result<Described, Failure> {
    let told = |error: &dyn std::fmt::Display| format!("{}: {error}", file.display());
    let text = fs::read_to_string(file).map_err(|error| told(&error))?;
    let description: Description = toml::from_str(&text).map_err(|error| told(&error))?;
    let address = free_address()?;
    let home = folder()?.join(format!("described-{}", address.port()));
    fs::create_dir_all(&home)?;
    let config = home.join(Path::new(&description.config_name).file_name().unwrap_or_default());
    let filled = |text: &str| fill(text, address, mock, &config);
    fs::write(&config, filled(&description.config))?;
    let words: Vec<String> = description.command.iter().map(|word| filled(word)).collect();
    let (program, arguments) = words.split_first().ok_or_else(|| told(&"`command` is empty"))?;
    let mut command = cores.with_many_files(cores.subject, program);
    command.args(arguments).current_dir(&home);
    command.envs(description.env.iter().map(|(name, value)| (name, filled(value))));
    let mut process = Process::spawn(&mut command)?;
    process.wait_ready(address, &description.ready, START_LIMIT)?;
    Ok(Described {
        name: description.name,
        process,
        address,
        path: description.path,
        headers: description.headers.iter().map(|(name, value)| (name.clone(), filled(value))).collect(),
        model: description.model,
    })
}

fn fill(text: &str, address: SocketAddr, mock: SocketAddr, config: &Path) -> String {
    text.replace("{port}", &address.port().to_string())
        .replace("{upstream}", &mock.to_string())
        .replace("{key}", CLIENT_KEY)
        .replace("{model}", OPENAI.name)
        .replace("{config}", &config.display().to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_filled() {
        let (address, mock) = ("127.0.0.1:7001".parse().unwrap(), "127.0.0.1:7002".parse().unwrap());
        assert_eq!(
            fill(
                "listen {port}; to http://{upstream}/v1 {model} {config} {other}",
                address,
                mock,
                Path::new("/c")
            ),
            "listen 7001; to http://127.0.0.1:7002/v1 gpt-4o-mini /c {other}"
        );
    }

    #[test]
    fn a_description_may_be_short_but_not_misspelt() {
        let short = "name = \"x\"\ncommand = [\"x\"]\nready = \"/health\"\nmodel = \"m\"\n";
        let description: Description = toml::from_str(short).unwrap();
        assert_eq!(
            (description.path.as_str(), description.config_name.as_str()),
            ("/v1/chat/completions", "config.yaml")
        );
        assert!(toml::from_str::<Description>(&format!("{short}pathh = \"/v1\"\n")).is_err());
    }
}
