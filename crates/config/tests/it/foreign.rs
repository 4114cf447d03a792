//! Files of other gateways: what they come to, that running and importing them is the same, and what is wrong with them.

use std::path::{Path, PathBuf};

use lockgate_config::{Config, Errors, load, parse};
use proptest::prelude::*;

use crate::files::{configs, snapshot};

/// A form as its fixtures know it.
struct Form {
    /// What its fixtures are called after.
    files: &'static str,
    name: &'static str,
    /// The least by which it is known.
    telling: &'static str,
}

const FORMS: &[Form] = &[
    Form {
        files: "api-pool",
        name: "an API pool",
        telling: "models: { m: { providers: [{ api_base: \"http://a/v1\" }] } }\n",
    },
    Form {
        files: "instances",
        name: "a balancer over instances",
        telling: "instances: [{ url: \"http://a/v1\" }]\n",
    },
    Form { files: "pools", name: "provider pools", telling: "provider_pools_file: a.yaml\n" },
    Form {
        files: "ai-proxy",
        name: "ai-proxy and CLIProxyAPI",
        telling: "openai-api-key: [{ api-key: a }]\n",
    },
    Form {
        files: "litellm",
        name: "LiteLLM",
        telling: "model_list: [{ model_name: m, litellm_params: { model: openai/m } }]\n",
    },
];

/// The variables of the forms' own beside those of every fixture.
fn env(name: &str) -> Option<String> {
    match name {
        "CLAUDE_API_KEY" => Some("sk-ant-very-secret-from-env".to_owned()),
        _ => crate::env(name),
    }
}

/// The fixtures of a folder by names that are the same on every machine.
fn relative(folder: &str) -> impl Iterator<Item = PathBuf> {
    let here = |file: PathBuf| file.strip_prefix(env!("CARGO_MANIFEST_DIR")).map(Path::to_path_buf);
    configs(folder).into_iter().map(move |file| here(file).expect("a fixture of this crate"))
}

fn import(file: &Path) -> Result<lockgate_config::Imported, Errors> {
    lockgate_config::import(file, &env)
}

/// A config with its secrets, so that two can be compared.
fn all_of(config: &Config) -> String {
    let mut all = format!("{config:#?}");
    for key in &config.access.keys {
        all.push_str(key.key.expose());
    }
    for provider in config.providers.values() {
        let keys = provider.credentials.iter().map(|credential| &credential.api_key);
        for key in keys.chain([&provider.api_key]).flatten() {
            all.push('\n');
            all.push_str(key.expose());
        }
    }
    all
}

#[test]
fn foreign_files_are_known_and_run_as_they_are_imported() {
    for file in relative("tests/fixtures/foreign") {
        let shown = file.display();
        let imported = import(&file).unwrap_or_else(|errors| panic!("{shown}:\n{errors}"));
        let stem = file.file_stem().expect("a fixture has a name").to_string_lossy();
        let expected = FORMS.iter().find(|form| stem.starts_with(form.files)).expect("a row for each form");
        assert_eq!(imported.form, Some(expected.name), "{shown}");
        let run = load(&file, &env, &Vec::new).unwrap_or_else(|errors| panic!("{shown}:\n{errors}"));
        assert_eq!(run.notes, imported.notes, "{shown}");
        let notes = run.notes.iter().map(ToString::to_string).collect::<String>();
        assert!(!notes.contains("very-secret"), "{shown} shows a secret:\n{notes}");
        let own = parse("imported.yaml", &imported.text, &env)
            .unwrap_or_else(|errors| panic!("{shown}:\n{}\n{errors}", imported.text));
        assert_eq!(all_of(&own), all_of(&run.config), "{shown}");
        snapshot("fixtures/foreign", &file, &imported.text);
    }
}

#[test]
fn bad_foreign_files_say_why() {
    for file in relative("tests/fixtures/foreign/bad") {
        let Err(errors) = load(&file, &env, &Vec::new) else {
            panic!("{} is taken for good", file.display())
        };
        let report = errors.to_string();
        assert!(!report.contains("very-secret"), "{} shows a secret:\n{report}", file.display());
        snapshot("fixtures/foreign/bad", &file, &report);
    }
}

#[test]
fn files_in_the_own_form_are_no_other() {
    for folder in ["tests/fixtures/good", "../../examples"] {
        for file in configs(folder) {
            let imported = import(&file).unwrap_or_else(|errors| panic!("{}:\n{errors}", file.display()));
            assert_eq!(imported.form, None, "{}", file.display());
        }
    }
}

#[test]
fn two_forms_in_one_file_are_refused_and_named() {
    let own = ("Lockgate's own form", "providers: {}\n");
    let all: Vec<(&str, &str)> = FORMS.iter().map(|form| (form.name, form.telling)).chain([own]).collect();
    for (place, (first, one)) in all.iter().enumerate() {
        for (second, other) in &all[place + 1..] {
            let text = format!("{one}{other}");
            let errors = parse("mixed.yaml", &text, &env).expect_err(&text).to_string();
            let names = [first, second].iter().all(|name| errors.contains(*name));
            assert!(errors.contains("the file fits several forms") && names, "{text}{errors}");
        }
    }
}

#[test]
fn variables_alone_are_a_config_if_one_is_of_another_gateway_only() {
    check_variables(&[("SERVER_PORT", "4000"), ("API_KEY", "k"), ("OPENAI_API_KEY", "k")], None);
    check_variables(
        &[
            ("MODEL_PROVIDER", "openai-custom"),
            ("SERVER_HOST", "localhost"),
            ("SERVER_PORT", "4000"),
            ("API_KEY", "client"),
            ("LOG_LEVEL", "debug"),
            ("OPENAI_API_KEY", "k-openai"),
            ("CLAUDE_API_KEY", "k-claude"),
        ],
        Some(
            "127.0.0.1:4000 Debug client [openai-custom claude-custom] openai-custom:k-openai claude-custom:k-claude",
        ),
    );
    check_variables(
        &[("GEMINI_OAUTH_CREDS_FILE_PATH", "/a.json"), ("PROJECT_ID", "p"), ("OPENAI_API_KEY", "")],
        Some("0.0.0.0:3000 Info open [gemini-oauth] gemini-oauth:/a.json in p"),
    );
    check_variables(
        &[("PROVIDER_POOLS_FILE", "tests/fixtures/foreign/beside/one-pool.yaml")],
        Some("0.0.0.0:3000 Info open [gemini-oauth] gemini-oauth:/b.json"),
    );
    check_variables(&[("MODEL_PROVIDER", "openai-custom")], Some("the pool `openai-custom` has no account"));
}

/// Starts with these variables and no file, and says what comes of it.
#[track_caller]
fn check_variables(variables: &[(&str, &str)], expected: Option<&str>) {
    let env = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let Some(loaded) = lockgate_config::load_environment(Path::new("none"), &env, &Vec::new) else {
        assert_eq!(None, expected);
        return;
    };
    let shown = match loaded {
        Ok(loaded) => {
            let Config { server, log, access, providers, .. } = loaded.config;
            let key = access.keys.first().map_or("open", |key| key.key.expose());
            let names: Vec<&str> = providers.keys().map(String::as_str).collect();
            let mut shown = format!("{} {:?} {key} [{}]", server.listen, log.level, names.join(" "));
            for (name, provider) in &providers {
                for credential in &provider.credentials {
                    let auth = credential.auth.clone().unwrap_or_default();
                    let key = credential.api_key.as_ref().map(|key| key.expose().to_owned());
                    let proof = key.or(auth.file).unwrap_or_default();
                    let project = auth.project.map_or_else(String::new, |project| format!(" in {project}"));
                    shown.push_str(&format!(" {name}:{proof}{project}"));
                }
            }
            shown
        }
        Err(errors) => errors.to_string(),
    };
    assert!(shown.contains(expected.unwrap_or("a config from no variables")), "{shown}");
}

/// Reads `text` with these variables, and says where it listens, what it logs, and who may call.
#[track_caller]
fn check_overridden(text: &str, variables: &[(&str, &str)], expected: &str) {
    let env = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let shown = match parse("config.yaml", text, &env) {
        Ok(Config { server, log, access, .. }) => {
            let who = access.keys.first().map_or("open", |key| key.key.expose());
            format!("{} {:?} {who}", server.listen, log.level)
        }
        Err(errors) => errors.to_string(),
    };
    assert!(shown.contains(expected), "{shown}");
}

#[test]
fn variables_of_other_gateways_count_before_their_files() {
    let keys = "host: 127.0.0.1\nport: 9000\ndebug: true\nopenai-api-key: [{ api-key: k }]\n";
    check_overridden(keys, &[], "127.0.0.1:9000 Debug open");
    let ours = [
        ("AI_PROXY_HOST", "0.0.0.0"),
        ("AI_PROXY_PORT", "9001"),
        ("AI_PROXY_LOG_LEVEL", "WARN"),
        ("PORT", "1"),
    ];
    check_overridden(keys, &ours, "0.0.0.0:9001 Warn open");
    check_overridden(keys, &[("AI_PROXY_HOST", ""), ("AI_PROXY_PORT", "")], "127.0.0.1:9000");
    check_overridden(
        keys,
        &[("AI_PROXY_PORT", "many")],
        "config.yaml:1:7: `AI_PROXY_PORT` must be a number from 0 to 65535",
    );
    check_overridden(keys, &[("AI_PROXY_LOG_LEVEL", "loud")], "`log.level` must be");

    let rows = "model_list: [{ model_name: m, litellm_params: { model: openai/m, api_key: k } }]\n";
    check_overridden(rows, &[], "0.0.0.0:4000 Info open");
    let ours = [("HOST", "::1"), ("PORT", "4001"), ("LITELLM_MASTER_KEY", "sk-master")];
    check_overridden(rows, &ours, "[::1]:4001 Info sk-master");
    // Shells have the machine's name in one of them, and other programs anything in the other.
    check_overridden(rows, &[("HOST", "my-machine"), ("PORT", "tcp://10.0.0.1:80")], "0.0.0.0:4000");
    let own = format!("{rows}environment_variables: {{ LITELLM_MASTER_KEY: sk-of-the-file }}\n");
    check_overridden(&own, &[("LITELLM_MASTER_KEY", "sk-master")], "0.0.0.0:4000 Info sk-of-the-file");
}

#[test]
fn the_files_that_people_have_run_unmodified() {
    let Some(folder) = shared() else { return };
    let env = |name: &str| match name {
        "PROVIDER_POOLS_FILE" => {
            Some(folder.join("3-pools/configs/provider-pools.yaml").display().to_string())
        }
        _ if name.ends_with("_API_KEY") => Some("very-secret".to_owned()),
        _ => None,
    };
    let files = [
        ("1-api-pool.yaml", "0.0.0.0:8080"),
        ("2-simple.json5", "0.0.0.0:9999"),
        ("3-pools/configs/config.yaml", "0.0.0.0:3000"),
        ("4-ai-proxy.yaml", "0.0.0.0:8317"),
    ];
    for (file, listens) in files {
        let file = folder.join(file);
        let loaded =
            load(&file, &env, &Vec::new).unwrap_or_else(|errors| panic!("{}:\n{errors}", file.display()));
        assert_eq!(loaded.config.server.listen.to_string(), listens, "{}", file.display());
        let imported = lockgate_config::import(&file, &env).unwrap_or_else(|errors| panic!("{errors}"));
        let own = parse("imported.yaml", &imported.text, &env).unwrap_or_else(|errors| panic!("{errors}"));
        assert_eq!(all_of(&own), all_of(&loaded.config), "{}", file.display());
    }
}

/// Where the files of other gateways' users are, beside the recorded traffic; says so if they are not there.
#[allow(clippy::print_stderr, reason = "what is left out is said")]
fn shared() -> Option<PathBuf> {
    let folder = std::env::var_os("LOCKGATE_FIXTURES")
        .and_then(|fixtures| Some(Path::new(&fixtures).parent()?.join("foreign")))
        .filter(|folder| folder.is_dir());
    if folder.is_none() {
        eprintln!("SKIPPED: no folder of other gateways' files beside LOCKGATE_FIXTURES");
    }
    folder
}

/// A text that may not be seen in any report.
const SECRET: &str = "Zq7secretZq7";

/// A file of each form with a key wherever one may stand.
const WITH_SECRETS: &[&str] = &[
    "server: { host: \"0.0.0.0\", port: 8080 }\nmodels:\n  fast:\n    model_name: m\n    providers:\n\
     \x20     - { name: a, api_base: \"https://a/v1\", api_key: KEY, enabled: true }\n\
     \x20     - name: b\n        api_base: nowhere\n        api_key: \"KEY\"\n",
    "{ \"instances\": [\n  { \"url\": \"http://a/v1\", \"api_key\": \"KEY\", \"weight\": 0 },\n\
     \x20 { \"url\": \"b\", \"api_key\": KEY, \"model_name\": \"m\" }\n], \"error_window\": 300 }\n",
    "auth: { api_key: KEY }\ndefault_provider: openai-custom\nserver: { host: nowhere }\n",
    "port: 1\napi-keys: [KEY]\nclaude-api-key:\n  - api-key: KEY\n    headers: { a: KEY }\n\
     \x20   proxy-url: \"http://u:KEY@h\"\nremote-management: { secret-key: KEY }\n\
     openai-compatibility: [{ api-key: KEY, base-url: x }]\n",
    "model_list:\n  - model_name: m\n    litellm_params: { model: openai/m, api_key: KEY, extra_headers: { a: KEY } }\n\
     general_settings: { master_key: KEY, database_url: KEY }\nenvironment_variables: { A: KEY }\n\
     credential_list: [{ credential_name: a, credential_values: { api_key: KEY } }]\n",
];

proptest! {
    #[test]
    fn a_cut_or_changed_foreign_file_never_panics_nor_shows_its_keys(
        form in 0..WITH_SECRETS.len(),
        at in 0_usize..300,
        cut in 0_usize..4,
        insert in "[a: \\n\\-#'\"{}\\[\\],$&*|>]{0,3}",
    ) {
        let text = WITH_SECRETS[form].replace("KEY", SECRET);
        let mut characters: Vec<char> = text.chars().collect();
        let at = at.min(characters.len());
        let end = (at + cut).min(characters.len());
        characters.splice(at..end, insert.chars());
        let text: String = characters.into_iter().collect();
        if let Err(errors) = parse("f", &text, &env) {
            let report = errors.to_string();
            prop_assert!(!report.contains(SECRET), "{text}\n---\n{report}");
        }
    }
}
