//! The token service: keys of a role, for a signed request or for an identity's token.

use super::{Call, Reply, field, keys::Temporary, signature};
use crate::{clock, settings::AwsKey};

/// What the tokens of identities begin with.
const IDENTITY: &str = "mock-identity-";

pub(super) fn answer(call: &Call<'_>, key: &AwsKey) -> Reply {
    let now = clock::wall();
    let form = String::from_utf8_lossy(call.body);
    let action = field(&form, "Action");
    match action.as_str() {
        "AssumeRole" => {
            if let Err(denied) = signature::check(call, key, "sts", now) {
                return refused(denied.status, denied.kind.trim_end_matches("Exception"), &denied.message);
            }
        }
        "AssumeRoleWithWebIdentity" if field(&form, "WebIdentityToken").starts_with(IDENTITY) => {}
        "AssumeRoleWithWebIdentity" => {
            return refused(400, "InvalidIdentityToken", "the ID Token provided is not a valid JWT");
        }
        _ => return refused(400, "InvalidAction", "Could not find operation for this version"),
    }
    let role = field(&form, "RoleArn");
    let is_role = role.starts_with("arn:aws:iam::") && role.contains(":role/");
    if field(&form, "Version") != "2011-06-15" || field(&form, "RoleSessionName").is_empty() || !is_role {
        return refused(400, "ValidationError", "1 validation error detected");
    }
    if role.ends_with("/denied") {
        let message = format!("User is not authorized to perform: sts:{action} on resource: {role}");
        return refused(403, "AccessDenied", &message);
    }
    let keys = Temporary::new(key, call.serial, now);
    let body = format!(
        "<{action}Response xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <{action}Result>\n    \
         <Credentials>\n      <AccessKeyId>{}</AccessKeyId>\n      <SecretAccessKey>{}</SecretAccessKey>\n      \
         <SessionToken>{}</SessionToken>\n      <Expiration>{}</Expiration>\n    </Credentials>\n  \
         </{action}Result>\n</{action}Response>\n",
        keys.id,
        keys.secret,
        keys.session,
        keys.ends()
    );
    Reply::whole(200, "text/xml", body)
}

/// A refusal in the service's own form.
pub(super) fn refused(status: u16, code: &str, message: &str) -> Reply {
    let body = format!(
        "<ErrorResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n  <Error>\n    <Type>Sender</Type>\n    \
         <Code>{code}</Code>\n    <Message>{message}</Message>\n  </Error>\n</ErrorResponse>\n"
    );
    Reply::whole(status, "text/xml", body)
}
