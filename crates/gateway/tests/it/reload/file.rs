//! The config's file is changed, by all means by which files are changed, and broken.

use std::{
    fs::{self, OpenOptions},
    io::Write,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use http::Method;
use lockgate_mock::Mock;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::admin;
use crate::house::{CHAT, CHAT_PATH, House, config, file_text, mock};

/// A gateway with a file.
pub(super) struct Filed {
    pub(super) house: House,
    pub(super) folder: TempDir,
    pub(super) file: PathBuf,
    pub(super) mock: Mock,
}

impl Filed {
    pub(super) async fn new() -> Self {
        let (folder, mock) = (tempfile::tempdir().unwrap(), mock().await);
        let file = folder.path().join("lockgate.yaml");
        fs::write(&file, text(&mock, "fast")).unwrap();
        Self { house: House::of_file(&file).await, folder, file, mock }
    }

    pub(super) fn text(&self, model: &str) -> String {
        text(&self.mock, model)
    }

    pub(super) async fn status(&self) -> Value {
        admin(&self.house, Method::GET, "gateway").await["config"].clone()
    }

    pub(super) async fn has(&self, model: &str) -> bool {
        self.house.post(CHAT_PATH, CHAT.replace("fast", model)).await.status == 200
    }

    /// Waits until that model is there.
    pub(super) async fn gets(&self, model: &str, within: Duration) {
        let since = Instant::now();
        while !self.has(model).await {
            assert!(since.elapsed() < within, "`{model}` is not there");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
}

/// A config with one model of that name.
fn text(mock: &Mock, model: &str) -> String {
    file_text(&config(&[&mock.base_url()], "").replace("fast:", &format!("{model}:")))
}

/// Puts another file in the place of one, as editors and tools do.
fn rename_over(file: &Path, text: &str) {
    let beside = file.with_extension("new");
    fs::write(&beside, text).unwrap();
    fs::rename(&beside, file).unwrap();
}

/// Sooner than the slow look that needs no event.
const SOON: Duration = Duration::from_secs(4);

#[tokio::test(flavor = "multi_thread")]
async fn a_file_may_be_changed_by_any_means() {
    let filed = Filed::new().await;
    fs::write(&filed.file, filed.text("one")).unwrap();
    filed.gets("one", SOON).await;
    rename_over(&filed.file, &filed.text("two"));
    filed.gets("two", SOON).await;
    // The file is another one now, and that is looked after too.
    fs::write(&filed.file, filed.text("three")).unwrap();
    filed.gets("three", SOON).await;
    fs::remove_file(&filed.file).unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    fs::write(&filed.file, filed.text("four")).unwrap();
    filed.gets("four", SOON).await;
    let status = filed.status().await;
    assert_eq!((&status["reloads"], &status["last_error"]), (&json!(4), &Value::Null), "{status}");
    assert_eq!((&status["source"], &status["form"]), (&json!(filed.file), &json!("lockgate")));
}

/// A directory as Kubernetes mounts a ConfigMap: the files are links through a link that is swapped.
#[tokio::test(flavor = "multi_thread")]
async fn a_config_map_is_swapped() {
    let (folder, mock) = (tempfile::tempdir().unwrap(), mock().await);
    let at = |name: &str| folder.path().join(name);
    let mount = |number: u32| {
        let version = format!("..2026_{number}");
        fs::create_dir(at(&version)).unwrap();
        fs::write(at(&version).join("lockgate.yaml"), text(&mock, &format!("m{number}"))).unwrap();
        symlink(&version, at("..data_tmp")).unwrap();
        fs::rename(at("..data_tmp"), at("..data")).unwrap();
        if number > 0 {
            fs::remove_dir_all(at(&format!("..2026_{}", number - 1))).unwrap();
        }
    };
    mount(0);
    symlink("..data/lockgate.yaml", at("lockgate.yaml")).unwrap();
    let house = House::of_file(&at("lockgate.yaml")).await;
    let filed = Filed {
        house,
        file: at("lockgate.yaml"),
        mock: crate::house::mock().await,
        folder: tempfile::tempdir().unwrap(),
    };
    for number in 1..4 {
        mount(number);
        filed.gets(&format!("m{number}"), SOON).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn half_a_file_is_waited_for() {
    let filed = Filed::new().await;
    let (first, second) = {
        let text = filed.text("whole");
        let (first, second) = text.split_at(text.len() / 2);
        (first.to_owned(), second.to_owned())
    };
    for _ in 0..5 {
        let mut file = OpenOptions::new().write(true).truncate(true).open(&filed.file).unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
        file.write_all(first.as_bytes()).unwrap();
        tokio::time::sleep(Duration::from_millis(60)).await;
        assert_eq!(filed.status().await["last_error"], Value::Null, "not before it stands still");
        assert!(filed.has("fast").await, "half a config is none");
        file.write_all(second.as_bytes()).unwrap();
        filed.gets("whole", SOON).await;
        assert_eq!(filed.status().await["last_error"], Value::Null);
        rename_over(&filed.file, &filed.text("fast"));
        filed.gets("fast", SOON).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_changes_nothing_and_is_told() {
    let filed = Filed::new().await;
    let healthy = filed.house.get("/health").await.json();
    assert_eq!((&healthy["status"], &healthy["warnings"]), (&json!("ok"), &json!([])));
    let loaded_at = filed.status().await["loaded_at"].clone();
    fs::write(
        &filed.file,
        filed.text("fast").replace("targets", "tragets").replace("drain: 5s", "drain: soon"),
    )
    .unwrap();
    let told = async {
        loop {
            let error = filed.status().await["last_error"].clone();
            if !error.is_null() {
                return error;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let error = tokio::time::timeout(SOON, told).await.unwrap();
    let problems = error["problems"].as_array().unwrap();
    assert_eq!(problems.len(), 3, "{error}");
    assert_eq!((&problems[0]["line"], &problems[0]["path"]), (&json!(1), &json!("server.drain")));
    assert_eq!(problems[2]["hint"], "did you mean `targets`?");
    assert_eq!(problems[0]["file"], filed.file.display().to_string());
    assert!(filed.has("fast").await, "the one before counts");
    assert_eq!(filed.status().await["loaded_at"], loaded_at);

    // Everybody may read this, so that it says no more than that.
    let health = filed.house.get("/health").await;
    let warning = health.json()["warnings"][0].as_str().unwrap().to_owned();
    assert!(
        warning.starts_with("the config is not valid since 20") && warning.ends_with(": 3 problems"),
        "{warning}"
    );
    assert_eq!((health.status.as_u16(), &health.json()["status"]), (200, &json!("ok")));

    rename_over(&filed.file, &filed.text("mended"));
    filed.gets("mended", SOON).await;
    assert_eq!(filed.status().await["last_error"], Value::Null);
    assert_eq!(filed.house.get("/health").await.json()["warnings"], json!([]));
}

#[tokio::test(flavor = "multi_thread")]
async fn asked_for_it_tells_what_has_changed_or_what_is_wrong() {
    let filed = Filed::new().await;
    let reload =
        async || filed.house.ask(Method::POST, "/admin/v1/config/reload", "application/json", "").await;
    assert_eq!(reload().await.json(), json!({ "changes": [] }));
    fs::write(&filed.file, filed.text("other").replace("drain: 5s", "drain: 6s")).unwrap();
    let changes = reload().await.json();
    assert_eq!(
        changes["changes"],
        json!(["changed server.drain: \"5s\" -> \"6s\"", "removed model \"fast\"", "added model \"other\"",])
    );
    let elsewhere =
        format!("{}data_dir: ./elsewhere\nlog: {{ journal: false, bodies: true }}\n", filed.text("other"));
    fs::write(&filed.file, elsewhere.replace("drain: 5s", "drain: 6s")).unwrap();
    let mut changes = reload().await.json()["changes"].as_array().unwrap().clone();
    changes.sort_by_key(ToString::to_string);
    assert_eq!(
        changes,
        [
            "added data_dir: \"./elsewhere\" (counts from the next start on)",
            "added log.bodies: \"true\"",
            "added log.journal: false (counts from the next start on)",
        ]
    );
    fs::write(&filed.file, filed.text("other").replace("kind: openai", "kind: opnai")).unwrap();
    let refused = reload().await;
    assert_eq!(refused.status, 422);
    let error = refused.json()["error"].clone();
    assert_eq!(
        (&error["code"], &error["problems"][0]["line"]),
        (&json!("invalid_config"), &json!(3)),
        "{error}"
    );
    assert!(filed.has("other").await);
    fs::remove_file(&filed.file).unwrap();
    assert_eq!(reload().await.status, 422);
    // Nothing of it needs a reload that somebody asks for: what cannot be set up is a problem too.
    let text = filed.text("other").replace("api_key:", "tls: { ca_file: /none/of/this.pem }, api_key:");
    fs::write(&filed.file, text).unwrap();
    let error = reload().await.json()["error"]["problems"][0].clone();
    assert!(error["message"].as_str().unwrap().contains("/none/of/this.pem"), "{error}");
}

#[tokio::test]
async fn without_a_file_there_is_nothing_to_reload() {
    let mock = mock().await;
    let house = House::new(&config(&[&mock.base_url()], "")).await;
    for (method, path) in [
        (Method::POST, "/admin/v1/config/reload"),
        (Method::GET, "/admin/v1/config"),
        (Method::PUT, "/admin/v1/config"),
    ] {
        let answer = house.ask(method, path, "text/plain", "").await;
        assert_eq!(
            (answer.status.as_u16(), &answer.json()["error"]["code"]),
            (404, &json!("no_config_file"))
        );
    }
    assert_eq!(admin(&house, Method::GET, "gateway").await["config"]["source"], Value::Null);
}
