//! What a credential file of Google's is.

use std::path::Path;

use serde::Deserialize;

use super::{Refusal, service_account::ServiceAccount, user::User};

/// Who a credential file speaks for.
pub(super) enum Identity {
    /// A service account, by its private key.
    ServiceAccount(ServiceAccount),
    /// A user who signed in with gcloud, by a refresh token.
    User(User),
    /// A user who signed in with the Gemini CLI: tokens are kept in the file.
    SignIn(User),
}

/// What all of them have.
#[derive(Deserialize)]
struct Typed {
    #[serde(rename = "type", default)]
    kind: Option<String>,
}

impl Identity {
    /// Reads a file; the errors name it and never quote it.
    pub(super) fn read(contents: &[u8], path: &Path) -> Result<Self, Refusal> {
        let shown = path.display();
        let typed: Typed = parse(contents, path, "a JSON object")?;
        match typed.kind.as_deref() {
            Some("service_account") => {
                parse(contents, path, "a service account's key").map(Self::ServiceAccount)
            }
            Some("authorized_user") => parse(contents, path, "a user's credential").map(Self::User),
            None => parse(contents, path, "a sign-in").map(Self::SignIn),
            Some(other) => {
                let kind: String = other.chars().filter(|c| !c.is_control()).take(40).collect();
                Err(Refusal::lasting(format!(
                    "`{shown}` is of type `{kind}`; the types `service_account` and `authorized_user` and the Gemini CLI's sign-in are understood"
                )))
            }
        }
    }
}

/// serde's own words could quote the file, so only the place is told.
fn parse<'de, T: Deserialize<'de>>(contents: &'de [u8], path: &Path, what: &str) -> Result<T, Refusal> {
    serde_json::from_slice(contents).map_err(|error| {
        let (line, column) = (error.line(), error.column());
        Refusal::lasting(format!("`{}` is not {what}: line {line}, column {column}", path.display()))
    })
}
