//! What the place we run in gives out: a container's endpoint, and a machine's (IMDSv2 only: the first version gives keys
//! to whoever can make the machine ask).

use bytes::Bytes;
use http::{Method, Request, StatusCode, Uri, header};
use serde::Deserialize;

use super::{Given, Ground, Host, Keys, Refusal, is_final};
use crate::grants::host::Answer;

/// The machine's endpoint (docs.aws.amazon.com, EC2 user guide, "Use the Instance Metadata Service").
const MACHINE: &str = "http://169.254.169.254";
const MACHINE_BY_IPV6: &str = "http://[fd00:ec2::254]";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
/// A container's endpoint (docs.aws.amazon.com, SDKs and tools reference, "Container credential provider").
const CONTAINER: &str = "http://169.254.170.2";
/// Where a container's keys may be asked for without TLS, beside the machine itself: ECS, and EKS by both families.
const NEAR: &[&str] = &["169.254.170.2", "169.254.170.23", "[fd00:ec2::23]", "localhost"];

/// The keys of the container's role; none where no variable tells of an endpoint.
pub(super) async fn of_container(host: &Host) -> Result<Option<Keys>, Refusal> {
    let relative = host.variable("AWS_CONTAINER_CREDENTIALS_RELATIVE_URI");
    let full = relative.map(|path| format!("{CONTAINER}{path}"));
    let Some(url) = full.or_else(|| host.variable("AWS_CONTAINER_CREDENTIALS_FULL_URI")) else {
        return Ok(None);
    };
    let uri: Uri = url.parse().map_err(|_| {
        Refusal::lasting("the address in AWS_CONTAINER_CREDENTIALS_FULL_URI is none".to_owned())
    })?;
    if !is_near(&uri) {
        return Err(Refusal::lasting(format!(
            "AWS_CONTAINER_CREDENTIALS_FULL_URI: keys are not asked for at `{}` without TLS",
            uri.host().unwrap_or_default()
        )));
    }
    let mut request = Request::get(uri).header(header::ACCEPT, "application/json");
    // A file is read each time: the identity of a pod changes while it runs.
    let token = match host.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE") {
        Some(file) => {
            let token = host.read(&host.path(&file)).await?;
            Some(String::from_utf8_lossy(&token).trim().to_owned())
        }
        None => host.variable("AWS_CONTAINER_AUTHORIZATION_TOKEN"),
    };
    if let Some(token) = token {
        request = request.header(header::AUTHORIZATION, token);
    }
    let request = request.body(Bytes::new()).map_err(|_| {
        Refusal::lasting(
            "the container's authorization token has a character that no header can carry".to_owned(),
        )
    })?;
    given("the container's endpoint", &host.send_near(request).await?).map(Some)
}

/// Whether keys may be asked for there: over TLS, or without leaving the machine.
fn is_near(uri: &Uri) -> bool {
    let host = uri.host().unwrap_or_default();
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    let is_loopback = bare.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
    uri.scheme_str() == Some("https") || is_loopback || NEAR.contains(&host)
}

/// The keys of the machine's role; none where the machine has no role, or is told not to say.
pub(super) async fn of_machine(host: &Host, ground: &Ground) -> Result<Option<Keys>, Refusal> {
    if host.variable("AWS_EC2_METADATA_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
        return Ok(None);
    }
    let base = ground.endpoint("imds", || {
        let by_ipv6 = host
            .variable("AWS_EC2_METADATA_SERVICE_ENDPOINT_MODE")
            .is_some_and(|mode| mode.eq_ignore_ascii_case("ipv6"));
        let usual = if by_ipv6 { MACHINE_BY_IPV6 } else { MACHINE };
        let written = host.variable("AWS_EC2_METADATA_SERVICE_ENDPOINT");
        written.map_or_else(|| usual.to_owned(), |url| url.trim_end_matches('/').to_owned())
    });
    let token = ask(host, Method::PUT, &base, "/latest/api/token", TTL, "21600").await?;
    let token = whole(&token, "token")?;
    let roles = ask(host, Method::GET, &base, ROLES, TOKEN, &token).await?;
    if roles.status == StatusCode::NOT_FOUND {
        return Ok(None);
    }
    let roles = whole(&roles, "list of roles")?;
    let role = roles.lines().next().unwrap_or_default();
    if !role.bytes().all(is_in_name) {
        return Err(Refusal::passing("the machine's endpoint named something that is no role".to_owned()));
    }
    let keys = ask(host, Method::GET, &base, &format!("{ROLES}{role}"), TOKEN, &token).await?;
    given("the machine's endpoint", &keys).map(Some)
}

/// What names of roles are made of (IAM API reference, `CreateRole`). All of it goes into a path as it is: the endpoint takes
/// what AWS's own programs send, who escape nothing.
fn is_in_name(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+=,.@-_".contains(&byte)
}

/// How long the token of a visit counts, in seconds.
const TTL: &str = "x-aws-ec2-metadata-token-ttl-seconds";
const TOKEN: &str = "x-aws-ec2-metadata-token";

async fn ask(
    host: &Host,
    method: Method,
    base: &str,
    path: &str,
    header: &str,
    value: &str,
) -> Result<Answer, Refusal> {
    let url = format!("{base}{path}");
    let request = Request::builder().method(method).uri(&url).header(header, value).body(Bytes::new());
    let request = request.map_err(|_| Refusal::lasting(format!("`{base}` is no address to ask at")))?;
    host.send_near(request).await
}

/// An answer that is one text.
fn whole(answer: &Answer, what: &str) -> Result<String, Refusal> {
    match std::str::from_utf8(&answer.body) {
        Ok(text) if answer.status.is_success() && !text.trim().is_empty() => Ok(text.trim().to_owned()),
        _ => Err(refused("the machine's endpoint", answer.status, &format!("gave no {what}"))),
    }
}

/// Both endpoints may also say no in a 200.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Said {
    code: String,
}

fn given(place: &str, answer: &Answer) -> Result<Keys, Refusal> {
    match serde_json::from_slice::<Given>(&answer.body) {
        Ok(given) if answer.status.is_success() => Ok(given.keys()),
        _ => {
            let said = serde_json::from_slice::<Said>(&answer.body).map(|said| said.code);
            let code: String = said.unwrap_or_default().chars().take(60).collect();
            Err(refused(place, answer.status, format!("gave no credentials {code}").trim_end()))
        }
    }
}

fn refused(place: &str, status: StatusCode, what: &str) -> Refusal {
    let why = format!("{place} {what}: it answered {}", status.as_u16());
    Refusal { is_final: is_final(status), why }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_asked_for_near_or_over_tls() {
        let near = |url: &str| is_near(&url.parse().expect("an address"));
        for url in
            ["http://169.254.170.2/x", "http://169.254.170.23/v1/credentials", "http://[fd00:ec2::23]/v1"]
        {
            assert!(near(url), "{url}");
        }
        for url in
            ["http://127.0.0.2:80/", "http://[::1]:80/", "http://localhost:1/x", "https://keys.example/x"]
        {
            assert!(near(url), "{url}");
        }
        for url in [
            "http://keys.example/x",
            "http://169.254.169.254/x",
            "http://10.0.0.1/",
            "http://localhost.example/",
        ] {
            assert!(!near(url), "{url}");
        }
    }
}
