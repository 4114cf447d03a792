//! How a credential proves who asks where that is not a plain key.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::Secret;

/// A sign-in, an account or a machine's identity that tokens or signatures come from. Which fields a provider takes is
/// its kind's to say; without any, the kind's usual places are looked at, as its own SDK does.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct Auth {
    /// The file that a sign-in or an account's key is kept in. Where a refresh changes it, it is written back.
    pub file: Option<String>,
    /// The client that asks for tokens (Entra), or that a sign-in was made with (Google, Qwen).
    pub client_id: Option<String>,
    /// That client's secret.
    pub client_secret: Option<Secret>,
    /// The directory that the client is registered in (Entra).
    pub tenant_id: Option<String>,
    /// The project (Google) or profile (Kiro) that this account is billed to, where it is not the provider's.
    pub project: Option<String>,
    /// Which of the provider's APIs the account is used at: `public`, or `code-assist` as the Gemini CLI does (Gemini). By
    /// default what its file is says so: a sign-in of the Gemini CLI is used at Code Assist, everything else is not.
    pub api: Option<String>,
    /// What tokens are asked for, where that is not the provider's usual.
    pub scope: Option<String>,
    /// The name of the keys that requests are signed with (AWS).
    pub access_key_id: Option<String>,
    /// The key that requests are signed with (AWS).
    pub secret_access_key: Option<Secret>,
    /// What belongs to keys that count for a while (AWS).
    pub session_token: Option<Secret>,
    /// The profile of the shared credentials files (AWS).
    pub profile: Option<String>,
    /// The role to take on (AWS).
    pub role_arn: Option<String>,
    /// The file with the token that stands for a machine or a pod when it takes on the role (AWS).
    pub web_identity_token_file: Option<String>,
    /// Other addresses to ask for tokens at, by what they replace: for private clouds and tests.
    pub endpoints: IndexMap<String, String>,
}

impl Auth {
    /// The names of the fields that the operator wrote.
    pub fn written(&self) -> impl Iterator<Item = &'static str> {
        let fields = [
            ("file", self.file.is_some()),
            ("client_id", self.client_id.is_some()),
            ("client_secret", self.client_secret.is_some()),
            ("tenant_id", self.tenant_id.is_some()),
            ("project", self.project.is_some()),
            ("api", self.api.is_some()),
            ("scope", self.scope.is_some()),
            ("access_key_id", self.access_key_id.is_some()),
            ("secret_access_key", self.secret_access_key.is_some()),
            ("session_token", self.session_token.is_some()),
            ("profile", self.profile.is_some()),
            ("role_arn", self.role_arn.is_some()),
            ("web_identity_token_file", self.web_identity_token_file.is_some()),
            ("endpoints", !self.endpoints.is_empty()),
        ];
        fields.into_iter().filter(|(_, is_written)| *is_written).map(|(name, _)| name)
    }
}
