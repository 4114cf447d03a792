//! Where Google's tokens are asked for: a credential file must not choose where a key goes.

use super::{Refusal, Settings};

/// Google's token endpoint, and the audience of an assertion for it.
pub(super) const TOKEN: &str = "https://oauth2.googleapis.com/token";

/// The endpoint to ask: the operator's, else the file's if it is Google's own, else the usual one.
///
/// # Errors
/// The file names an endpoint that is not Google's.
pub(super) fn token<'a>(settings: &'a Settings, written: Option<&'a str>) -> Result<&'a str, Refusal> {
    match (settings.endpoint("token"), written) {
        (Some(operators), _) => Ok(operators),
        (None, None) => Ok(TOKEN),
        (None, Some(written)) if is_google(written) => Ok(written),
        (None, Some(written)) => Err(Refusal::lasting(format!(
            "the credential file wants its key shown to `{}`, which is not Google's; if that is meant, write it as `auth.endpoints.token`",
            host_of(written)
        ))),
    }
}

fn is_google(url: &str) -> bool {
    let Ok(uri) = url.parse::<http::Uri>() else { return false };
    let is_hosts = |host: &str| host == "accounts.google.com" || host.ends_with(".googleapis.com");
    // A port or a user name would be something else than the host that was looked at.
    let is_bare = uri.authority().is_some_and(|authority| authority.as_str() == authority.host());
    uri.scheme_str() == Some("https") && is_bare && uri.host().is_some_and(is_hosts)
}

/// The host of a URL that may be anything, fit for a log.
fn host_of(url: &str) -> String {
    let uri = url.parse::<http::Uri>().ok();
    uri.as_ref().and_then(http::Uri::host).unwrap_or("no address").chars().take(80).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_googles_own_hosts_are_googles() {
        let yes = [
            TOKEN,
            "https://accounts.google.com/o/oauth2/token",
            "https://www.googleapis.com/oauth2/v4/token",
        ];
        let no = [
            "http://oauth2.googleapis.com/token",
            "https://oauth2.googleapis.com.evil.example/token",
            "https://evilgoogleapis.com/token",
            "https://oauth2.googleapis.com:444/token",
            "https://me@oauth2.googleapis.com/token",
            "https://storage.google.com/token",
            "/token",
            "",
        ];
        yes.iter().for_each(|url| assert!(is_google(url), "{url}"));
        no.iter().for_each(|url| assert!(!is_google(url), "{url}"));
    }
}
