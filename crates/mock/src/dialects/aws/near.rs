//! What is beside a program: a container's endpoint, and a machine's in its second version alone.

use http::Method;
use serde_json::json;

use super::{Call, Reply, header, keys::Temporary, said};
use crate::{clock, settings::AwsKey};

/// What a container has to show.
const CONTAINER_TOKEN: &str = "container-token";
const SESSION: &str = "imds-session-";
const ROLES: &str = "/latest/meta-data/iam/security-credentials/";
/// The machine's role, with signs that names of roles may have.
const ROLE: &str = "mock+role_1";

pub(super) fn container(call: &Call<'_>, key: &AwsKey) -> Reply {
    if header(call, "authorization") != CONTAINER_TOKEN {
        return said(
            401,
            &json!({ "code": "NotAuthorized", "message": "the authorization token is missing or wrong" }),
        );
    }
    given(call, key)
}

pub(super) fn machine(call: &Call<'_>, key: &AwsKey, path: &str) -> Reply {
    if path == "/latest/api/token" {
        let seconds = header(call, "x-aws-ec2-metadata-token-ttl-seconds").parse::<u32>();
        return match (call.method == Method::PUT, seconds) {
            (true, Ok(1..=21600)) => text(200, format!("{SESSION}{}", call.serial)),
            (true, _) => text(400, "the time to live is missing or wrong".to_owned()),
            (false, _) => text(405, String::new()),
        };
    }
    if !header(call, "x-aws-ec2-metadata-token").starts_with(SESSION) {
        return text(401, "Unauthorized".to_owned());
    }
    match path.strip_prefix(ROLES) {
        Some("") => text(200, format!("{ROLE}\n")),
        Some(ROLE) => given(call, key),
        _ => text(404, "Not Found".to_owned()),
    }
}

fn text(status: u16, text: String) -> Reply {
    Reply::whole(status, "text/plain", text)
}

fn given(call: &Call<'_>, key: &AwsKey) -> Reply {
    let keys = Temporary::new(key, call.serial, clock::wall());
    said(
        200,
        &json!({
            "Code": "Success",
            "Type": "AWS-HMAC",
            "AccessKeyId": keys.id,
            "SecretAccessKey": keys.secret,
            "Token": keys.session,
            "Expiration": keys.ends(),
        }),
    )
}
