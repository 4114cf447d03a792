//! A config shown and put back: no secret in the one, every secret in the other.

use std::path::Path;

use lockgate_config::{Around, Document, Errors, load};
use proptest::prelude::*;

use crate::env;

/// A file with a secret in every manner of writing one.
const FILE: &str = r#"# an old key of alice: sk-old-0123456789abcdef
server: { listen: "127.0.0.1:0" } # fine
access:
  admin_key: very-secret-admin-key
  keys:
    - { name: alice, key: 'it''s very-secret', models: [fast] }
    - name: bob
      key: "very\u002dsecret-two"
providers:
  one:
    kind: openai
    base_url: http://127.0.0.1:1/v1
    credentials:
      - api_key: ${OPENAI_API_KEY}
      - { api_key: very-secret-in-braces, headers: { X-Key: very-secret-header } }
      - api_key: prefix-${OPENAI_API_KEY_2}-very-secret
  two:
    kind: vllm
    base_url: http://127.0.0.1:2/v1
    headers:
      X-Long: >-
        very-secret-folded
        very-secret-on-a-second-line
models:
  fast: { targets: [one/gpt-4o-mini, two/qwen] } # nobody's secret
"#;

fn document(text: &str) -> Document {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("lockgate.yaml");
    std::fs::write(&path, text).expect("a file");
    load(&path, &env, &Vec::new).unwrap_or_else(|errors| panic!("{errors}")).document
}

fn restore(document: &Document, put: &str) -> Result<String, Errors> {
    let read = |_: &Path| Err("is not there".to_owned());
    document.restore(put, Around { env: &env, read: &read })
}

fn config(text: &str) -> String {
    config_of("lockgate.yaml", text)
}

fn config_of(name: &str, text: &str) -> String {
    // Secrets do not show in Debug: their texts are compared by what the document hides.
    let config = lockgate_config::parse(name, text, &env).unwrap_or_else(|errors| panic!("{errors}"));
    let secrets: Vec<String> = config
        .providers
        .values()
        .flat_map(|provider| {
            let keys = provider.credentials.iter().filter_map(|row| row.api_key.as_ref());
            let headers = provider.credentials.iter().flat_map(|row| row.headers.values());
            keys.chain(headers).chain(provider.headers.values()).map(|secret| secret.expose().to_owned())
        })
        .chain(config.access.keys.iter().map(|key| key.key.expose().to_owned()))
        .chain(config.access.admin_key.iter().map(|key| key.expose().to_owned()))
        .collect();
    format!("{config:?} {secrets:?}")
}

#[test]
fn what_is_shown_has_no_secret_and_put_back_is_the_same() {
    let document = document(FILE);
    let shown = document.redacted();
    assert!(!shown.contains("very") && !shown.contains("sk-old"), "{shown}");
    insta::assert_snapshot!("redacted", shown);
    let restored = restore(&document, &shown).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config(&restored), config(FILE));
    assert!(restored.contains("# an old key of alice: sk-old-0123456789abcdef"), "{restored}");
}

#[test]
fn every_good_file_is_shown_without_secrets_and_comes_back() {
    for file in crate::files::configs("tests/fixtures/good")
        .into_iter()
        .chain(crate::files::configs("../../examples"))
    {
        let text = std::fs::read_to_string(&file).expect("a readable file");
        let document = load(&file, &env, &Vec::new).unwrap_or_else(|errors| panic!("{errors}")).document;
        let shown = document.redacted();
        assert!(!shown.contains("very-secret"), "{}:\n{shown}", file.display());
        let restored = restore(&document, &shown).unwrap_or_else(|errors| panic!("{errors}"));
        let name = file.display().to_string();
        assert_eq!(config_of(&name, &restored), config_of(&name, &text), "{name}");
    }
}

#[test]
fn a_long_name_that_a_header_repeats_is_no_old_key() {
    let text = "[providers.a-provider-with-number-1]\nkind = 'vllm'\nbase_url = 'http://h/v1' # sk-old-0123456789abcdef\n\
                [[providers.a-provider-with-number-1.credentials]]\napi_key = 'very-secret'\n";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("lockgate.toml");
    std::fs::write(&path, text).expect("a file");
    let document = load(&path, &env, &Vec::new).unwrap_or_else(|errors| panic!("{errors}")).document;
    let shown = document.redacted();
    assert_eq!(shown.matches("[providers.a-provider-with-number-1").count(), 2, "{shown}");
    assert_eq!(shown.matches("<redacted:").count(), 2, "{shown}");
    let restored = restore(&document, &shown).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(restored, text.replace("'very-secret'", "\"very-secret\""));
}

#[test]
fn a_secret_moves_with_its_entry() {
    let document = document(FILE);
    let moved = document
        .redacted()
        .replace("name: bob", "name: robert")
        .replace("  one:\n", "  first:\n")
        .replace("one/gpt", "first/gpt");
    let expected = FILE
        .replace("name: bob", "name: robert")
        .replace("  one:\n", "  first:\n")
        .replace("one/gpt", "first/gpt");
    let restored = restore(&document, &moved).unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(config(&restored), config(&expected));
}

#[test]
fn a_marker_counts_only_where_a_secret_belongs() {
    let document = document(FILE);
    let check = |from: &str, to: &str, expected: &str| {
        let put = document.redacted().replace(from, to);
        let errors = restore(&document, &put).expect_err("this marker is wrong").to_string();
        assert!(errors.contains(expected) && !errors.contains("very"), "{errors}");
    };
    check("http://127.0.0.1:1/v1", "\"<redacted:access.admin_key>\"", "where no secret belongs");
    check("http://127.0.0.1:1/v1", "\"http://<redacted:access.admin_key>/\"", "no secret of the present");
    check("<redacted:access.admin_key>", "<redacted:access.keys[9].key>", "no secret of the present");
    check("<redacted:access.admin_key>", "<redacted:comment 1>", "where no secret belongs");
}

proptest! {
    #[test]
    fn any_secret_comes_back(secret in "[ -~é]{1,40}", fold in any::<bool>()) {
        prop_assume!(!secret.contains("${") && !secret.contains("$$") && secret.trim() == secret);
        let value = serde_json::Value::from(secret.clone()).to_string();
        let value = if fold { format!("'{}'", secret.replace('\'', "''")) } else { value };
        let text = format!("providers:\n  p: {{ kind: vllm, base_url: 'http://h/v1', headers: {{ X: {value} }} }}\n");
        if let Ok(before) = lockgate_config::parse("lockgate.yaml", &text, &env) {
            let document = document(&text);
            prop_assert!(!document.redacted().contains(&value) || secret.starts_with("file://"));
            let restored = restore(&document, &document.redacted()).map_err(|e| TestCaseError::fail(e.to_string()))?;
            let after = lockgate_config::parse("lockgate.yaml", &restored, &env).map_err(|e| TestCaseError::fail(e.to_string()))?;
            prop_assert_eq!(before.providers["p"].headers["X"].expose(), after.providers["p"].headers["X"].expose());
        }
    }
}
