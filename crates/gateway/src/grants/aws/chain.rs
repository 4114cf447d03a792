//! The usual places where AWS's own SDKs look for keys, in the order of its SDK for Rust (aws-config,
//! `DefaultCredentialsChain`).

use lockgate_provider::SigningKeys;

use super::{Ground, Host, Identity, Keys, Perhaps, Refusal, metadata, profile, sts};

/// One usual place.
struct Place {
    /// As the log names it.
    name: &'static str,
    /// Whether something says that there are keys. A place that has some and cannot give them out ends the search, so that
    /// nobody is asked in another's name; one that is only guessed at may as well not be there.
    is_told_of: bool,
    look: for<'a> fn(&'a Host, &'a Ground) -> Perhaps<'a>,
}

/// In this order: what was said last and nearest to the program comes first, the machine comes last.
const PLACES: &[Place] = &[
    Place {
        name: "AWS_ACCESS_KEY_ID",
        is_told_of: true,
        look: |host, _| Box::pin(async { Ok(variables(host)) }),
    },
    Place {
        name: "the shared files",
        is_told_of: true,
        look: |host, ground| Box::pin(profile::usual_keys(host, ground)),
    },
    Place {
        name: "AWS_WEB_IDENTITY_TOKEN_FILE",
        is_told_of: true,
        look: |host, ground| Box::pin(identity(host, ground)),
    },
    Place {
        name: "AWS_CONTAINER_CREDENTIALS_*_URI",
        is_told_of: true,
        look: |host, _| Box::pin(metadata::of_container(host)),
    },
    Place {
        name: "the machine's role",
        is_told_of: false,
        look: |host, ground| Box::pin(metadata::of_machine(host, ground)),
    },
];

/// The keys of the first place that has some.
pub(super) async fn keys(host: &Host, ground: &Ground) -> Result<Keys, Refusal> {
    let mut silent = None;
    for place in PLACES {
        match (place.look)(host, ground).await {
            Ok(Some(keys)) => {
                tracing::debug!(place = place.name, "found AWS credentials");
                return Ok(keys);
            }
            Ok(None) => {}
            Err(refusal) if place.is_told_of => return Err(refusal),
            Err(refusal) => silent = Some(refusal),
        }
    }
    let looked: Vec<&str> = PLACES.iter().map(|place| place.name).collect();
    let nowhere = format!("there are no AWS credentials: looked at {}", looked.join(", "));
    match silent {
        Some(Refusal { is_final, why }) => {
            Err(Refusal { is_final, why: format!("{nowhere} ({why}); write `auth`") })
        }
        None => Err(Refusal::lasting(format!("{nowhere}; write `auth`"))),
    }
}

/// Keys in the environment.
pub(super) fn variables(host: &Host) -> Option<Keys> {
    let id = host.variable("AWS_ACCESS_KEY_ID")?;
    let secret = host.variable("AWS_SECRET_ACCESS_KEY")?;
    let session = host.variable("AWS_SESSION_TOKEN");
    Some(Keys { signing: SigningKeys { id, secret, session }, expires: None })
}

/// A pod's identity, as Kubernetes at AWS tells of it (IAM roles for service accounts).
async fn identity(host: &Host, ground: &Ground) -> Result<Option<Keys>, Refusal> {
    let Some(file) = host.variable("AWS_WEB_IDENTITY_TOKEN_FILE") else { return Ok(None) };
    let role = host.variable("AWS_ROLE_ARN").ok_or_else(|| {
        Refusal::lasting("AWS_WEB_IDENTITY_TOKEN_FILE is set, but AWS_ROLE_ARN is not".to_owned())
    })?;
    let identity = Identity { role, file, session: host.variable("AWS_ROLE_SESSION_NAME") };
    sts::with_identity(host, ground, &identity).await.map(Some)
}
