//! What becomes of the end user's id, wherever a request has one.

use super::{Parts, User, json, placeholder};
use crate::ir::{Members, Raw, Request};

/// Members that say who the end user is or which machine is his, without the `_` and `-` that are spelled in them or not.
const NAMES: &[&str] = &[
    "accountid",
    "accountuuid",
    "clientmetadata",
    "deviceid",
    "email",
    "enduser",
    "enduserid",
    "installationid",
    "safetyidentifier",
    "user",
    "useremail",
    "userid",
    "username",
];
/// The member that clients put names and values of their own into.
const METADATA: &str = "metadata";
/// The member that ties calls together for the provider's cache.
const CACHE_KEY: &str = "prompt_cache_key";
/// Digits of a pseudonym: 120 bits.
const DIGITS: usize = 26;
/// How often a pseudonym is drawn anew because a sensitive word is in it.
const MAX_DRAWS: u32 = 64;

impl Parts {
    /// What takes the place of `id`.
    pub(super) fn named(&self, id: &str) -> Option<String> {
        match self.user {
            User::Drop => None,
            User::Keep => Some(id.to_owned()),
            User::Pseudonym => {
                let drawn = |count| placeholder::name(self.key.number("pseudonym", id, count), DIGITS);
                let clean = (0..MAX_DRAWS).map(drawn).find(|drawn| !self.words.are_in(drawn));
                Some(clean.unwrap_or_else(|| drawn(0)))
            }
        }
    }

    /// Sees to the user of a conversation.
    pub(super) fn put_user(&self, request: &mut Request<'_>) {
        if self.user == User::Keep {
            return;
        }
        let mut ids = Vec::new();
        if let Some(user) = request.user.take() {
            request.user = self.named(&user).map(Into::into);
            ids.push(user.into_cow().into_owned());
        }
        self.put_members(&mut request.extra, &mut ids);
        request.metadata = request.metadata.take().and_then(|raw| self.put_metadata(raw, &mut ids));
        request.cache_key = request.cache_key.take().and_then(|key| match carries(&key, &ids) {
            true => self.named(&key).map(Into::into),
            false => Some(key),
        });
    }

    /// The members of a body that is no conversation, without the user; notes his ids.
    pub(super) fn put_body(&self, members: &mut Members<'_>) {
        if self.user == User::Keep {
            return;
        }
        let mut ids = Vec::new();
        self.put_members(members, &mut ids);
        members.retain_mut(|(name, raw)| {
            if *name == METADATA {
                return self.put_metadata(raw.clone(), &mut ids).map(|put| *raw = put).is_some();
            }
            let key: Option<String> =
                (*name == CACHE_KEY).then(|| serde_json::from_str(raw.get()).ok()).flatten();
            match key.filter(|key| carries(key, &ids)) {
                Some(key) => self.named(&key).map(|named| *raw = crate::ir::raw(&named)).is_some(),
                None => true,
            }
        });
    }

    /// Leaves out or renames whatever says who the user is; notes his ids.
    fn put_members(&self, members: &mut Members<'_>, ids: &mut Vec<String>) {
        members.retain_mut(|(name, raw)| {
            if !is_name(name) {
                return true;
            }
            match serde_json::from_str::<String>(raw.get()) {
                Ok(id) => {
                    let named = self.named(&id).map(|named| *raw = crate::ir::raw(&named));
                    ids.push(id);
                    named.is_some()
                }
                // An id that is no text, or a whole object about the user: one pseudonym for all of it would not be
                // what the API takes, and none of it is anything that the model needs.
                Err(_) => raw.get() == "null",
            }
        });
    }

    /// `None` if nothing is left, or if nobody can tell what is in it.
    fn put_metadata<'a>(&self, raw: Raw<'a>, ids: &mut Vec<String>) -> Option<Raw<'a>> {
        if !raw.get().starts_with('{') {
            return Some(raw);
        }
        let mut members = json::members(raw.get())?;
        let count = members.len();
        self.put_members(&mut members, ids);
        match members.is_empty() && count > 0 {
            true => None,
            false => json::object(&members),
        }
    }
}

fn is_name(name: &str) -> bool {
    let bare: String = name.chars().filter(|c| !matches!(c, '_' | '-')).collect();
    NAMES.iter().any(|known| bare.eq_ignore_ascii_case(known))
}

/// Whether one of the ids is part of `key`.
fn carries(key: &str, ids: &[String]) -> bool {
    ids.iter().any(|id| !id.is_empty() && key.contains(id.as_str()))
}
