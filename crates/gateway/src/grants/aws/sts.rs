//! AWS's token service: taking on a role with keys or with a token (docs.aws.amazon.com, STS API reference, `AssumeRole`
//! and `AssumeRoleWithWebIdentity`).

use bytes::Bytes;
use http::{HeaderMap, Method, Request, Uri, header};
use lockgate_provider::{Outbound, SigningKeys, sigv4};

use super::{Ground, Host, Keys, Refusal, is_final, moment};
use crate::grants::{host::Answer, oauth};

/// The one version of the interface.
const VERSION: &str = "2011-06-15";
/// What the account's own log calls us, unless the operator has a name.
const SESSION: &str = "lockgate";
/// Longest part of the service's words that a log gets.
const LONGEST: usize = 300;

/// A role to take on.
pub(super) struct Role<'a> {
    pub(super) arn: &'a str,
    pub(super) session: Option<&'a str>,
    /// What the role's owner agreed on with us.
    pub(super) external_id: Option<&'a str>,
    /// In seconds; absent = the role's own, usually an hour.
    pub(super) duration: Option<&'a str>,
}

/// A token that stands for a machine or a pod, and the role it may take on.
#[derive(Debug)]
pub(super) struct Identity {
    pub(super) role: String,
    /// Somebody else keeps the token in it fresh.
    pub(super) file: String,
    pub(super) session: Option<String>,
}

impl<'a> Role<'a> {
    pub(super) fn of(arn: &'a str) -> Self {
        Self { arn, session: None, external_id: None, duration: None }
    }
}

/// Keys of a role, asked for with other keys.
pub(super) async fn assume(
    host: &Host,
    ground: &Ground,
    role: &Role<'_>,
    with: &SigningKeys,
) -> Result<Keys, Refusal> {
    let mut fields = vec![
        ("Action", "AssumeRole"),
        ("Version", VERSION),
        ("RoleArn", role.arn),
        ("RoleSessionName", role.session.unwrap_or(SESSION)),
    ];
    fields.extend(role.external_id.map(|id| ("ExternalId", id)));
    fields.extend(role.duration.map(|seconds| ("DurationSeconds", seconds)));
    ask(host, ground, role.arn, &fields, Some(with)).await
}

/// Keys of a role, asked for with the token in a file, which is read each time.
pub(super) async fn with_identity(
    host: &Host,
    ground: &Ground,
    identity: &Identity,
) -> Result<Keys, Refusal> {
    let token = host.read(&host.path(&identity.file)).await?;
    let token = String::from_utf8(token)
        .map_err(|_| Refusal::lasting(format!("`{}` holds no token: it is not text", identity.file)))?;
    let fields = [
        ("Action", "AssumeRoleWithWebIdentity"),
        ("Version", VERSION),
        ("RoleArn", &identity.role),
        ("RoleSessionName", identity.session.as_deref().unwrap_or(SESSION)),
        ("WebIdentityToken", token.trim()),
    ];
    ask(host, ground, &identity.role, &fields, None).await
}

async fn ask(
    host: &Host,
    ground: &Ground,
    role: &str,
    fields: &[(&str, &str)],
    with: Option<&SigningKeys>,
) -> Result<Keys, Refusal> {
    let region = &ground.region;
    let url = format!("{}/", ground.endpoint("sts", || format!("https://sts.{region}.amazonaws.com")));
    let uri: Uri = url.parse().map_err(|_| Refusal::lasting(format!("`{url}` is no address to ask at")))?;
    let body = Bytes::from(oauth::form(fields));
    let mut headers = HeaderMap::new();
    let form = header::HeaderValue::from_static("application/x-www-form-urlencoded; charset=utf-8");
    headers.insert(header::CONTENT_TYPE, form);
    if let Some(keys) = with {
        let pieces = std::slice::from_ref(&body);
        let mut outbound = Outbound { method: &Method::POST, uri: &uri, headers: &mut headers, body: pieces };
        sigv4::sign(&mut outbound, keys, sigv4::Scope { region, service: "sts" }, host.now())
            .map_err(|error| Refusal::lasting(error.to_string()))?;
    }
    let mut request = Request::new(body);
    (*request.method_mut(), *request.uri_mut(), *request.headers_mut()) = (Method::POST, uri, headers);
    read(role, &host.send(request).await?)
}

/// What the service's answer says: flat elements of XML, four of which matter.
fn read(role: &str, answer: &Answer) -> Result<Keys, Refusal> {
    let text = String::from_utf8_lossy(&answer.body);
    if !answer.status.is_success() {
        let code = element(&text, "Code").unwrap_or_default();
        let words = element(&text, "Message").unwrap_or_default();
        let status = answer.status.as_u16();
        let why = format!("role `{role}` was refused: {status} {code} {words}");
        let why: String = lockgate_provider::redact(why.trim_end()).chars().take(LONGEST).collect();
        // A token in a file may have been late, and the service says so with 400, as when it is too busy.
        let may_pass = code.starts_with("Throttl")
            || ["IDPCommunicationError", "ExpiredTokenException"].contains(&code.as_str());
        return Err(Refusal { is_final: is_final(answer.status) && !may_pass, why });
    }
    let keys = || {
        Some(Keys {
            signing: SigningKeys {
                id: element(&text, "AccessKeyId")?,
                secret: element(&text, "SecretAccessKey")?,
                session: Some(element(&text, "SessionToken")?),
            },
            expires: moment(&element(&text, "Expiration")?),
        })
    };
    keys().ok_or_else(|| Refusal::passing(format!("role `{role}`: the answer has no credentials in it")))
}

/// The text of the first element of that name that has only text in it.
fn element(text: &str, name: &str) -> Option<String> {
    let (_, rest) = text.split_once(&format!("<{name}>"))?;
    let (inside, _) = rest.split_once(&format!("</{name}>"))?;
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&amp;", "&")];
    // The ampersand last, so that what it stands for is not read a second time.
    Some(
        entities
            .iter()
            .fold(inside.trim().to_owned(), |text, (entity, stands_for)| text.replace(entity, stands_for)),
    )
}

#[cfg(test)]
mod tests {
    use http::StatusCode;

    use super::*;

    #[track_caller]
    fn check(status: u16, body: &'static str, expected: Result<(&str, &str, &str), (bool, &str)>) {
        let status = StatusCode::from_u16(status).expect("a status");
        let answer = Answer { status, headers: HeaderMap::new(), body: Bytes::from_static(body.as_bytes()) };
        let read = read("r", &answer).map(|keys| {
            assert_eq!(keys.expires, moment("2026-11-21T14:00:00Z"));
            (keys.signing.id, keys.signing.secret, keys.signing.session.unwrap_or_default())
        });
        match (read, expected) {
            (Ok((id, secret, session)), Ok(expected)) => {
                assert_eq!((id.as_str(), secret.as_str(), session.as_str()), expected);
            }
            (Err(refusal), Err(expected)) => assert_eq!((refusal.is_final, refusal.why.as_str()), expected),
            (Ok(_), Err(_)) => panic!("keys were read: {body}"),
            (Err(refusal), Ok(_)) => panic!("{refusal}"),
        }
    }

    #[test]
    fn the_service_says_yes_no_or_later() {
        check(
            200,
            "<AssumeRoleResponse><AssumeRoleResult><AssumedRoleUser><Arn>a</Arn></AssumedRoleUser><Credentials>\n\
             <AccessKeyId>ASIA1</AccessKeyId>\n<SecretAccessKey>s/+&amp;lt;</SecretAccessKey>\
             <SessionToken>t==</SessionToken><Expiration>2026-11-21T14:00:00Z</Expiration></Credentials>",
            Ok(("ASIA1", "s/+&lt;", "t==")),
        );
        check(200, "<html>", Err((false, "role `r`: the answer has no credentials in it")));
        check(
            403,
            "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>User: x is not &quot;it&quot;\
             </Message></Error></ErrorResponse>",
            Err((true, "role `r` was refused: 403 AccessDenied User: x is not \"it\"")),
        );
        check(400, "<Code>Throttling</Code>", Err((false, "role `r` was refused: 400 Throttling")));
        check(
            400,
            "<Code>ExpiredTokenException</Code>",
            Err((false, "role `r` was refused: 400 ExpiredTokenException")),
        );
        check(503, "busy", Err((false, "role `r` was refused: 503")));
    }
}
