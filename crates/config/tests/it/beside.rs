//! What belongs to a config beside its file: the files of its values, `.env`, the variables that override it.

use std::path::Path;

use lockgate_config::{Errors, Loaded, from_env, load};

/// Loads the first of the files, with these variables.
fn load_all(files: &[(&str, &[u8])], variables: &[(&str, &str)]) -> (Result<Loaded, Errors>, String) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for (name, content) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, content).expect("a file");
    }
    let env = |name: &str| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| value.replace("DIR", &folder.path().display().to_string()))
    };
    let names = || variables.iter().map(|(name, _)| (*name).to_owned()).collect();
    let (name, _) = files.first().expect("a config");
    (load(&folder.path().join(name), &env, &names), folder.path().display().to_string())
}

/// Loads a config and snapshots what it comes to: the settings these tests are about, or all that is wrong.
#[track_caller]
fn check(name: &str, files: &[(&str, &[u8])], variables: &[(&str, &str)]) {
    let (outcome, folder) = load_all(files, variables);
    let shown = match outcome {
        Err(errors) => errors.to_string(),
        Ok(loaded) => {
            let files: Vec<_> = loaded.files.iter().map(|file| file.display().to_string()).collect();
            let mut shown = format!("files: {files:#?}\noverrides: {:?}\n", loaded.overrides);
            for (name, provider) in &loaded.config.providers {
                let keys = provider.credentials.iter().map(|row| row.api_key.as_ref());
                for key in [provider.api_key.as_ref()].into_iter().chain(keys).flatten() {
                    shown += &format!("{name}: {:?}\n", key.expose());
                }
                shown += &format!("{name}: {:?} {:?}\n", provider.base_url, provider.models);
            }
            shown
                + &format!(
                    "{:?}\n{:?}\n{:?}",
                    loaded.config.server.listen, loaded.config.log, loaded.config.retry
                )
        }
    };
    let shown = shown.replace(&folder, "DIR");
    assert!(!shown.contains("very-secret") || shown.starts_with("files"), "a secret is shown:\n{shown}");
    insta::assert_snapshot!(name, shown);
}

const FILE: &[u8] =
    b"server:\n  listen: 127.0.0.1:1\nproviders:\n  Open.AI-1:\n    kind: openai\n    models: [a]\n    \
    credentials:\n      - { api_key: first, weight: 2 }\nlog:\n";

#[test]
fn values_from_files() {
    let yaml = b"providers:\n  a: { kind: openai, api_key: file://secrets/a }\n  b: { kind: openai, api_key: \"file://${WHERE}/b\" }\n\
        \x20 c: { kind: openai, api_key: '${WHOLE}' }\nretry: { attempts: file://n }\n";
    check(
        "from_files",
        &[
            ("sub/lockgate.yaml", yaml),
            ("sub/secrets/a", b"key-a\r\n"),
            ("b", b"$HOME ${X}\n"),
            ("sub/n", b"7\n"),
        ],
        &[("WHERE", "DIR"), ("WHOLE", "file:///not/read")],
    );
    let toml = b"[providers.a]\nkind = 'openai'\napi_key = 'file://a'\n";
    check("from_files_toml", &[("x.toml", toml), ("a", b"key-a")], &[]);
}

#[test]
fn values_from_files_that_are_none() {
    let yaml = b"providers:\n  a: { kind: openai, api_key: file://absent }\n  b: { kind: openai, api_key: file://large }\n  \
        c: { kind: openai, api_key: file://latin }\n  d: { kind: openai, api_key: file:// }\n  \
        e: { kind: openai, api_key: 'file://${SECRET}/very' }\n  f: { kind: openai, api_key: file://folder }\n  \
        g: { kind: openai, api_key: file://lines }\nretry: { attempts: file://word }\n";
    check(
        "from_bad_files",
        &[
            ("lockgate.yaml", yaml),
            ("large", &[b'k'; 1024 * 1024 + 1]),
            ("latin", b"very-secret\n caf\xe9"),
            ("folder/x", b""),
            ("lines", b"very-secret\nvery-secret\n"),
            ("word", b"very-secret"),
        ],
        &[("SECRET", "very-secret")],
    );
}

#[test]
fn dot_env() {
    let env = b"KEY=from-dot-env\nexport HOST=\"10.0.0.1\"\nLOCKGATE_LOG__LEVEL=debug\n";
    let yaml = b"providers:\n  a: { kind: vllm, base_url: 'http://${HOST}/v1', api_key: '${KEY}' }\n";
    check("dot_env", &[("lockgate.yaml", yaml), (".env", env)], &[("KEY", "from-environment")]);
    check(
        "dot_env_bad",
        &[("lockgate.yaml", yaml), (".env", b"KEY='very-secret\n\nvery-secret\nHOST=x\n")],
        &[("HOST", "h"), ("LOCKGATE_LOG__LEVEL", "loud")],
    );
}

#[test]
fn overrides() {
    check(
        "overrides",
        &[("lockgate.yaml", FILE), ("key", b"second\n")],
        &[
            ("LOCKGATE_SERVER__LISTEN", "127.0.0.1:2"),
            ("LOCKGATE_LOG__LEVEL", "debug"),
            ("LOCKGATE_Retry__attempts", "4"),
            ("LOCKGATE_RETRY__STALL", ""),
            ("LOCKGATE_PROVIDERS__OPEN_AI_1__CREDENTIALS__0__API_KEY", "$ ${X} $$"),
            ("LOCKGATE_PROVIDERS__OPEN_AI_1__CREDENTIALS__1__API_KEY", "file://key"),
            ("LOCKGATE_PROVIDERS__OPEN_AI_1__MODELS__1", "b"),
            ("LOCKGATE_PROVIDERS__LOCAL_2__KIND", "vllm"),
            ("LOCKGATE_PROVIDERS__LOCAL_2__BASE_URL", "http://127.0.0.1:3/v1"),
            ("LOCKGATE_CONFIG", "elsewhere"),
            ("LOCKGATE_PORT_80_TCP", "tcp://10.0.0.1:80"),
            ("LOCKGATEX", "y"),
        ],
    );
    // A variable that the file refers to is the file's own.
    let yaml =
        b"access: { admin_key: '${LOCKGATE_MY_KEY}' }\nproviders: { a: { kind: openai, api_key: k } }\n";
    check("overrides_referred", &[("lockgate.yaml", yaml)], &[("LOCKGATE_MY_KEY", "0123456789abcdef")]);
}

#[test]
fn overrides_hold_over_files_of_other_gateways() {
    let file = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/foreign/api-pool.yaml");
    let text = std::fs::read(file).expect("a fixture is readable");
    let keys = ["OPENAI_API_KEY", "OPENAI_API_KEY_2", "ANTHROPIC_API_KEY"].map(|name| (name, "key"));
    let mut variables = keys.to_vec();
    variables.push(("LOCKGATE_SERVER__LISTEN", "127.0.0.1:2"));
    let (outcome, _) = load_all(&[("api-pool.yaml", &text)], &variables);
    let loaded = outcome.unwrap_or_else(|errors| panic!("{errors}"));
    assert_eq!(loaded.config.server.listen.to_string(), "127.0.0.1:2");
    variables.push(("LOCKGATE_RETRY__ATTEMPTS", "${X}"));
    let (outcome, _) = load_all(&[("api-pool.yaml", &text)], &variables);
    let errors = outcome.expect_err("this is no number").to_string();
    assert!(errors.starts_with("LOCKGATE_RETRY__ATTEMPTS: `retry.attempts` must be"), "{errors}");
}

#[test]
fn overrides_that_are_none() {
    check(
        "overrides_bad",
        &[("lockgate.yaml", FILE), ("key", b"very-secret\n")],
        &[
            ("LOCKGATE_SERVER__LISEN", "very-secret"),
            ("LOCKGATE_SERVER__LISTEN", "here"),
            ("LOCKGATE_SEVER", "x"),
            ("LOCKGATE_LOG__LEVEL__DEEP", "x"),
            ("LOCKGATE_RETRY__ATTEMPTS", "many"),
            ("LOCKGATE_RETRY__", "x"),
            ("LOCKGATE_ACCESS__ADMIN_KEY", "very-secret\n"),
            ("LOCKGATE_ACCESS__OPEN", "file://key"),
            ("LOCKGATE_ACCESS__KEYS__1__KEY", "very-secret"),
            ("LOCKGATE_PROVIDERS__OPEN_AI_1__CREDENTIALS__X__API_KEY", "very-secret"),
            ("LOCKGATE_PROVIDERS__NEW__API_KEY", "file://absent"),
            ("LOCKGATE_MODELS", "very-secret"),
        ],
    );
}

#[test]
fn overrides_hold_without_a_file() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join(".env"), "LOCKGATE_LOG__LEVEL=warn\n").expect("a file");
    let made = |variables: &[(&str, &str)], folder: &Path| {
        let env = |name: &str| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned())
        };
        let names = || variables.iter().map(|(name, _)| (*name).to_owned()).collect();
        from_env(&lockgate_provider::environment(), folder, &env, &names)
    };
    let found = made(
        &[
            ("OPENAI_API_KEY", "price$$5 ${X}"),
            ("LOCKGATE_PROVIDERS__OPENAI__BASE_URL", "http://127.0.0.1:1/v1"),
        ],
        folder.path(),
    )
    .unwrap_or_else(|errors| panic!("{errors}"));
    let provider = &found.config.providers["openai"];
    assert_eq!(provider.base_url.as_deref(), Some("http://127.0.0.1:1/v1"));
    assert_eq!(provider.api_key.as_ref().map(lockgate_config::Secret::expose), Some("price$$5 ${X}"));
    assert_eq!(found.overrides, ["LOCKGATE_LOG__LEVEL", "LOCKGATE_PROVIDERS__OPENAI__BASE_URL"]);
    assert_eq!(found.files, [folder.path().join(".env")]);
    let errors =
        made(&[("LOCKGATE_PROVIDERS__X__KIND", "nothing")], folder.path()).expect_err("no such kind");
    assert!(
        errors.to_string().starts_with("LOCKGATE_PROVIDERS__X__KIND: unknown provider kind `nothing`"),
        "{errors}"
    );
}
