//! Google: a browser, a port of this machine and a proof that both ends are the same program (RFC 8252, RFC 7636).
//!
//! Addresses and parameters: developers.google.com/identity/protocols/oauth2/native-app. What is written is a credential
//! that Google's own libraries read too: `authorized_user`, as gcloud writes it.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use serde_json::json;

use super::{Desk, LoginError, SigningIn, loopback::Loopback, pkce};
use crate::grants::oauth;

/// Where people agree, and where codes are changed for tokens.
const AUTHORIZE: &str = "https://accounts.google.com/o/oauth2/v2/auth";
const TOKEN: &str = "https://oauth2.googleapis.com/token";
/// What the sign-in is for: Google's cloud, of which Vertex AI and the Gemini API are parts.
const SCOPE: &str = "https://www.googleapis.com/auth/cloud-platform";
/// Where the credential goes if nobody says.
const FILE: &str = "~/.config/lockgate/google.json";

pub(super) fn sign_in<'a>(desk: &'a Desk<'a>) -> SigningIn<'a> {
    Box::pin(async {
        let (id, secret) = client(desk)?;
        let loopback = Loopback::open().await?;
        let redirect = loopback.redirect();
        let (state, verifier) = (pkce::random()?, pkce::random()?);
        let challenge = pkce::challenge(&verifier);
        let query = [
            ("response_type", "code"),
            ("client_id", &id),
            ("redirect_uri", &redirect),
            ("scope", SCOPE),
            ("state", &state),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
            // Without both there is no refresh token for somebody who has agreed before.
            ("access_type", "offline"),
            ("prompt", "consent"),
        ];
        let query =
            query.map(|(name, value)| format!("{name}={}", utf8_percent_encode(value, NON_ALPHANUMERIC)));
        let url = format!("{}?{}", desk.endpoint("authorize", AUTHORIZE), query.join("&"));
        (desk.say)(&format!("Open this address in a browser of this machine and sign in:\n\n{url}\n"));
        let code = loopback.code(&state).await?;
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("code_verifier", &verifier),
            ("redirect_uri", &redirect),
            ("client_id", &id),
            ("client_secret", &secret),
        ];
        let token = oauth::token(&desk.host, desk.endpoint("token", TOKEN), &fields).await;
        let token = token.map_err(|refusal| LoginError(refusal.why))?;
        let refresh = token.refresh_token.ok_or_else(|| {
            LoginError("Google gave no refresh token; the client must be one for desktop apps".to_owned())
        })?;
        let credential = json!({
            "type": "authorized_user",
            "client_id": id,
            "client_secret": secret,
            "refresh_token": refresh,
        });
        desk.keep(FILE, format!("{credential:#}\n").into_bytes()).await
    })
}

/// The client to sign in with. None is shipped: the page on which a person agrees names the client, and should name whom it
/// is given to.
fn client(desk: &Desk<'_>) -> Result<(String, String), LoginError> {
    let id = desk.wish.client_id.clone().or_else(|| desk.host.variable("GOOGLE_OAUTH_CLIENT_ID"));
    let secret = desk.wish.client_secret.as_ref().map(|secret| secret.expose().to_owned());
    let secret = secret.or_else(|| desk.host.variable("GOOGLE_OAUTH_CLIENT_SECRET"));
    id.zip(secret).ok_or_else(|| {
        LoginError(
            "there is no client to sign in with: make one of type `Desktop app` under APIs & Services, Credentials in Google's \
             cloud console, and name it with --client-id and --client-secret or GOOGLE_OAUTH_CLIENT_ID and \
             GOOGLE_OAUTH_CLIENT_SECRET; or sign in with the Gemini CLI, whose file the gateway reads too"
                .to_owned(),
        )
    })
}
