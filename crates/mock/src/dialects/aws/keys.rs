//! Keys that count for a while. They are worked out from their name, so that nothing has to be remembered.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use ring::hmac;

use crate::settings::AwsKey;

/// What the names of such keys begin with.
const PREFIX: &str = "ASIAMOCK";

/// Keys that were given out.
pub(super) struct Temporary {
    pub(super) id: String,
    pub(super) secret: String,
    pub(super) session: String,
    pub(super) expires: SystemTime,
}

impl Temporary {
    /// New ones; the `serial` of the call that gets them makes their name their own.
    pub(super) fn new(key: &AwsKey, serial: u64, now: SystemTime) -> Self {
        let ends = now.duration_since(UNIX_EPOCH).unwrap_or_default() + key.lifetime;
        Self::of(key, format!("{PREFIX}{serial}X{}", ends.as_secs()), ends)
    }

    /// Those of that name, if they were given out here.
    pub(super) fn named(key: &AwsKey, id: &str) -> Option<Self> {
        let (_, ends) = id.strip_prefix(PREFIX)?.split_once('X')?;
        let ends = Duration::from_secs(ends.parse().ok()?);
        Some(Self::of(key, id.to_owned(), ends))
    }

    fn of(key: &AwsKey, id: String, ends: Duration) -> Self {
        let of = |what: &str| {
            let mac = hmac::Key::new(hmac::HMAC_SHA256, key.secret.as_bytes());
            crate::text::base64(hmac::sign(&mac, format!("{what} of {id}").as_bytes()).as_ref())
        };
        let (secret, session) = (of("secret"), of("session"));
        Self { secret, session, id, expires: UNIX_EPOCH.checked_add(ends).unwrap_or(UNIX_EPOCH) }
    }

    /// The moment they end, as AWS writes it.
    pub(super) fn ends(&self) -> String {
        humantime::format_rfc3339_seconds(self.expires).to_string()
    }
}
