//! Where keys come from, against the mock's endpoints, with a home directory and an environment of the test's own.

mod places;
mod profiles;
mod sign_ins;
mod words;

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use lockgate_mock::{AwsKey, Mock, Settings};
use lockgate_provider::Proof;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::*;
use crate::upstream::{Exit, Exits};

const ID: &str = "AKIAMOCK";
const SECRET: &str = "mock-secret/+";
const ROLE: &str = "arn:aws:iam::123456789012:role/models";

/// A machine with its files and variables, and AWS beside it.
struct World {
    mock: Mock,
    home: TempDir,
    variables: BTreeMap<String, String>,
}

/// The key that signs, and the calls to AWS that it took: action or path of each.
struct Found {
    id: String,
    calls: Vec<String>,
}

impl World {
    async fn new() -> Self {
        let aws = AwsKey {
            id: ID.to_owned(),
            secret: SECRET.to_owned(),
            region: "eu-west-1".to_owned(),
            lifetime: Duration::from_secs(900),
        };
        let settings = Settings { aws: Some(aws), keep_bodies: true, ..Settings::default() };
        let mock = lockgate_mock::start(([127, 0, 0, 1], 0).into(), settings).await.expect("a mock");
        let home = tempfile::tempdir().expect("a home");
        let world = Self { mock, home, variables: BTreeMap::new() };
        // Whether there is a machine's endpoint beside the test does not matter.
        world.with("AWS_EC2_METADATA_DISABLED", "true")
    }

    fn with(mut self, name: &str, value: &str) -> Self {
        self.variables.insert(name.to_owned(), value.to_owned());
        self
    }

    fn without(mut self, name: &str) -> Self {
        self.variables.remove(name);
        self
    }

    /// A file in the home directory.
    fn file(self, path: &str, text: &str) -> Self {
        let path = self.home.path().join(path);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(path, text).expect("written");
        self
    }

    fn config(self, text: &str) -> Self {
        self.file(".aws/config", text)
    }

    fn credentials(self, text: &str) -> Self {
        self.file(".aws/credentials", text)
    }

    fn host(&self) -> Host {
        let mut variables = self.variables.clone();
        variables.insert("HOME".to_owned(), self.home.path().display().to_string());
        let variables = Arc::new(move |name: &str| variables.get(name).cloned());
        let exits = &mut Exits::default();
        Host::within(exits, Duration::from_secs(1), &Exit::straight(), variables).expect("a host")
    }

    /// The mock's address for what AWS has beside its models.
    fn aws(&self) -> String {
        format!("http://{}/aws", self.mock.addr())
    }

    fn grant(&self, words: Value) -> Arc<dyn Grant> {
        let mut auth: Auth = serde_json::from_value(words).expect("words");
        for name in ENDPOINTS {
            let path = if *name == "sts" { "/sts" } else { "" };
            auth.endpoints.insert((*name).to_owned(), format!("{}{path}", self.aws()));
        }
        let wish = Wish {
            kind: "bedrock",
            auth: Some(&auth),
            region: Some("eu-west-1"),
            project: None,
            base_url: None,
        };
        make(&wish).expect("meant").expect("a grant")
    }

    /// What the words come to; `{}` are the usual places.
    async fn obtain(&self, words: Value) -> Result<Found, Refusal> {
        let before = self.mock.ledger().len();
        let granted = self.grant(words).obtain(&self.host(), false).await?;
        let Proof::Keys(keys) = granted.proof else { panic!("keys, not {:?}", granted.proof) };
        let is_temporary = keys.id.starts_with("ASIAMOCK");
        assert_eq!(keys.session.is_some(), is_temporary);
        if is_temporary {
            let left =
                granted.expires.expect("an end").duration_since(crate::clock::wall()).expect("to come");
            assert!(left > Duration::from_secs(800) && left <= Duration::from_secs(900), "{left:?}");
        }
        let ledger = self.mock.ledger();
        let calls = ledger.iter().skip(before).map(|entry| {
            assert_eq!(entry.status, 200, "{}", entry.path);
            let body = String::from_utf8_lossy(&entry.body).into_owned();
            let action = body.strip_prefix("Action=").and_then(|rest| rest.split('&').next());
            action.map_or_else(|| entry.path.clone(), str::to_owned)
        });
        Ok(Found { id: keys.id, calls: calls.collect() })
    }

    /// The words come to a key of that name (a beginning is enough) by way of these calls.
    async fn check(&self, words: Value, id: &str, calls: &[&str]) {
        let found = self.obtain(words).await.unwrap_or_else(|refusal| panic!("{refusal}"));
        assert!(found.id.starts_with(id), "{} is not {id}; calls: {:?}", found.id, found.calls);
        assert_eq!(found.calls, calls);
    }

    /// The words come to nothing, for good or not.
    async fn refused(&self, words: Value, is_final: bool, why: &str) {
        let Err(refusal) = self.obtain(words).await else { panic!("not refused: {why}") };
        assert!(refusal.why.contains(why), "{refusal}");
        assert_eq!(refusal.is_final, is_final, "{refusal}");
        assert!(!refusal.why.contains(SECRET), "{refusal}");
    }

    /// The body of the latest call to AWS.
    fn body(&self) -> String {
        let ledger = self.mock.ledger();
        String::from_utf8_lossy(&ledger.last().expect("a call").body).into_owned()
    }
}

/// A profile with the one key that AWS knows.
fn written_keys(profile: &str) -> String {
    format!("[{profile}]\naws_access_key_id = {ID}\naws_secret_access_key = {SECRET}\n")
}
