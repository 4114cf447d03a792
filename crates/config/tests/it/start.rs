//! How a config comes to be: from a file, from the environment, and one `retry` over another.

use std::time::Duration;

use lockgate_config::{MAX_FILE_BYTES, Retry, RetryOverride, from_env, load};
use lockgate_provider::Environment;

use crate::env;

#[test]
fn files_that_cannot_be_read_are_problems() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let check = |name: &str, content: Option<Vec<u8>>, expected: &str| {
        let path = folder.path().join(name);
        if let Some(content) = content {
            std::fs::write(&path, content).expect("a file");
        }
        let errors = load(&path, &env, &Vec::new).expect_err("this file is wrong");
        let problem = errors.iter().next().expect("a problem");
        assert!(problem.message.contains(expected), "{errors}");
        assert_eq!((problem.line, problem.file.as_str()), (0, path.display().to_string().as_str()));
    };
    check("absent.yaml", None, "cannot be opened");
    check("large.yaml", Some(vec![b'#'; MAX_FILE_BYTES as usize + 1]), "larger than 4.0 MiB");
    check("latin.yaml", Some(b"log: {}\n# caf\xe9\n".to_vec()), "line 2");
    check("", None, "cannot be");
}

#[test]
fn a_file_of_the_largest_size_is_read() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("full.yaml");
    std::fs::write(&path, vec![b'\n'; MAX_FILE_BYTES as usize]).expect("a file");
    assert!(load(&path, &env, &Vec::new).is_ok());
}

const ROWS: &[Environment] = &[
    Environment {
        kind: "openai",
        api_key: "OPENAI_API_KEY",
        base_url: Some("OPENAI_BASE_URL"),
        api_version: None,
        region: &[],
    },
    Environment {
        kind: "azure",
        api_key: "AZURE_OPENAI_API_KEY",
        base_url: Some("AZURE_OPENAI_ENDPOINT"),
        api_version: Some("OPENAI_API_VERSION"),
        region: &[],
    },
    Environment {
        kind: "deepseek",
        api_key: "DEEPSEEK_API_KEY",
        base_url: None,
        api_version: None,
        region: &[],
    },
    Environment {
        kind: "bedrock",
        api_key: "AWS_BEARER_TOKEN_BEDROCK",
        base_url: Some("AWS_ENDPOINT_URL_BEDROCK_RUNTIME"),
        api_version: None,
        region: &["AWS_REGION", "AWS_DEFAULT_REGION"],
    },
];

/// Starts with these variables, and says which providers, variables and complaints come of it.
#[track_caller]
fn check_env(variables: &[(&str, &str)], expected: &str) {
    let env = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).to_owned())
    };
    let folder = tempfile::tempdir().expect("a temporary folder");
    let result = from_env(ROWS, folder.path(), &env, &Vec::new).unwrap_or_else(|errors| panic!("{errors}"));
    let mut shown = String::new();
    for (name, provider) in &result.config.providers {
        let url = provider.base_url.as_deref().unwrap_or("-");
        let key = provider.api_key.as_ref().map_or("-", |key| key.expose());
        let models: Vec<&str> = provider.models.iter().map(|served| served.name.as_str()).collect();
        shown += &format!("{name} {url} {key} {models:?}");
        shown += &provider.region.as_ref().map_or_else(String::new, |region| format!(" {region}"));
        shown.push('\n');
    }
    shown += &format!("{} | {}", result.variables.join(" "), result.skipped.join(" "));
    assert_eq!(shown, expected);
}

#[test]
fn providers_come_from_the_environment() {
    check_env(&[], " | ");
    check_env(&[("OPENAI_API_KEY", " sk-1\n")], "openai - sk-1 [\"*\"]\nOPENAI_API_KEY | ");
    check_env(&[("OPENAI_API_KEY", ""), ("OPENAI_BASE_URL", "http://x/v1")], " | ");
    check_env(
        &[("DEEPSEEK_API_KEY", "sk-2"), ("OPENAI_API_KEY", "sk-1"), ("OPENAI_BASE_URL", "http://x/v1")],
        "openai http://x/v1 sk-1 []\ndeepseek - sk-2 []\nOPENAI_API_KEY OPENAI_BASE_URL DEEPSEEK_API_KEY | ",
    );
    check_env(
        &[("AZURE_OPENAI_API_KEY", "k"), ("AZURE_OPENAI_ENDPOINT", "https://e.openai.azure.com")],
        "azure https://e.openai.azure.com k [\"*\"]\nAZURE_OPENAI_API_KEY AZURE_OPENAI_ENDPOINT | ",
    );
}

#[test]
fn a_cloud_is_found_with_its_region() {
    let key = ("AWS_BEARER_TOKEN_BEDROCK", "k");
    check_env(
        &[key, ("AWS_DEFAULT_REGION", "eu-central-1")],
        "bedrock - k [\"*\"] eu-central-1\nAWS_BEARER_TOKEN_BEDROCK AWS_DEFAULT_REGION | ",
    );
    check_env(
        &[key, ("AWS_REGION", "us-east-1"), ("AWS_DEFAULT_REGION", "eu-central-1")],
        "bedrock - k [\"*\"] us-east-1\nAWS_BEARER_TOKEN_BEDROCK AWS_REGION | ",
    );
    check_env(
        &[key, ("AWS_ENDPOINT_URL_BEDROCK_RUNTIME", "https://x")],
        "bedrock https://x k [\"*\"]\nAWS_BEARER_TOKEN_BEDROCK AWS_ENDPOINT_URL_BEDROCK_RUNTIME | ",
    );
    check_env(
        &[key],
        " | `AWS_BEARER_TOKEN_BEDROCK` is set, but `AWS_REGION` or `AWS_DEFAULT_REGION` is not",
    );
}

#[test]
fn variables_that_make_no_provider_are_named() {
    check_env(
        &[("AZURE_OPENAI_API_KEY", "k")],
        " | `AZURE_OPENAI_API_KEY` is set, but `AZURE_OPENAI_ENDPOINT` is not",
    );
    check_env(
        &[("OPENAI_API_KEY", "k"), ("OPENAI_BASE_URL", "localhost:8000")],
        " | `OPENAI_API_KEY` is set, but `OPENAI_BASE_URL` must begin with `http://` or `https://`",
    );
    check_env(
        &[("DEEPSEEK_API_KEY", "s\u{7}k")],
        " | `DEEPSEEK_API_KEY` has characters that no header can carry",
    );
}

#[test]
fn an_override_changes_only_what_it_has() {
    let own =
        RetryOverride { attempts: Some(1), stall: Some(Duration::from_secs(5)), ..RetryOverride::default() };
    let base = Retry { connect: Duration::from_secs(7), ..Retry::default() };
    let retry = own.over(&base);
    assert_eq!((retry.attempts, retry.stall), (1, Duration::from_secs(5)));
    assert_eq!(
        (retry.connect, retry.timeout, retry.first_byte),
        (base.connect, base.timeout, base.first_byte)
    );
}
