//! A request that is not done: what is said about it, and with which status.

use std::time::Duration;

use http::{HeaderValue, StatusCode};
use lockgate_protocol::ir::Fault;

use super::{ADMIN_OFF, AdminError};
use crate::door::{CARRIER, Shut};

/// A request that is not done.
#[derive(Debug)]
pub(crate) struct Refusal {
    pub(super) status: StatusCode,
    pub(super) error: Box<AdminError>,
    /// The methods that the path takes.
    pub(super) allow: Option<HeaderValue>,
    /// After how many seconds to come again.
    pub(super) wait: Option<HeaderValue>,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        let (paths, problems) = (Vec::new(), Vec::new());
        let error = Box::new(AdminError { code: code.to_owned(), message: message.into(), paths, problems });
        Self { status, error, allow: None, wait: None }
    }

    /// Of an address that has to wait before its next key is looked at.
    pub(super) fn too_many(wait: Duration) -> Self {
        let message =
            "too many wrong admin keys were sent from this address: send the right one, a little later";
        let mut refusal = Self::new(StatusCode::TOO_MANY_REQUESTS, "too_many_tries", message);
        refusal.wait = Some(HeaderValue::from(wait.as_secs_f64().ceil() as u64));
        refusal
    }

    pub(super) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "bad_request", message)
    }

    /// Of a body that is larger than `most` bytes.
    pub(super) fn too_large(most: usize) -> Self {
        let message = format!("the body is larger than {most} bytes, the most that this takes");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message)
    }
}

impl From<Shut> for Refusal {
    fn from(shut: Shut) -> Self {
        let forbidden = |message: &str| Self::new(StatusCode::FORBIDDEN, "forbidden", message);
        match shut {
            Shut::NoKey => Self::new(
                StatusCode::UNAUTHORIZED,
                "unauthorized",
                format!(
                    "the admin API needs the admin key: send it as `Authorization: Bearer KEY` or `{CARRIER}: KEY`"
                ),
            ),
            Shut::Off => Self::new(
                StatusCode::NOT_FOUND,
                ADMIN_OFF,
                "the admin API is off: set `access.admin_key`, or `access.admin: loopback` for programs on this machine",
            ),
            Shut::ForAnother => forbidden(
                "without the admin key the admin API is for programs on this machine, and not for those that a proxy asks \
                 for: set `access.admin_key` and send it",
            ),
            Shut::ByName => forbidden(
                "without the admin key the admin API is only there under a loopback name such as `localhost`: set \
                 `access.admin_key` and send it",
            ),
            Shut::ForPage => forbidden(
                "without the admin key the admin API is not for web pages of elsewhere: set `access.admin_key` and send it",
            ),
        }
    }
}

impl From<Fault> for Refusal {
    fn from(fault: Fault) -> Self {
        let status = StatusCode::from_u16(fault.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        Self::new(status, fault.kind.name(), fault.public)
    }
}
