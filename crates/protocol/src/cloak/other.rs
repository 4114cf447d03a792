//! Bodies of requests that are no conversation: nothing is known of them but that they are JSON.

use std::sync::Arc;

use memchr::memmem;

use super::{Mask, User, json};
use crate::ir::{Fault, FaultKind};

/// The member that says which model is asked, which is the gateway's.
const MODEL: &str = "model";
/// How a form names the field of the user.
const USER_FIELD: &[u8] = b"name=\"user\"";

impl Mask {
    /// The body with the user seen to and the words covered; `None` if it stays as it is.
    pub(super) fn cover_body(&mut self, body: &[u8]) -> Result<Option<String>, Fault> {
        if body.is_empty() || (self.is_idle() && self.parts.user == User::Keep) {
            return Ok(None);
        }
        let members = std::str::from_utf8(body).ok().and_then(json::members);
        let Some(mut members) = members else {
            // The files of a form may hold the words, and a field the user.
            if self.is_idle() && memmem::find(body, USER_FIELD).is_none() {
                return Ok(None);
            }
            return Err(Fault::new(
                FaultKind::Unsupported,
                "only JSON bodies can be cloaked: use a credential whose `cloak` keeps the `user` and lists no `words`",
            ));
        };
        let parts = Arc::clone(&self.parts);
        parts.put_body(&mut members);
        let model = members.iter().position(|(name, _)| *name == MODEL).map(|at| (at, members.remove(at)));
        self.members(&mut members);
        members.extend(model.map(|(_, model)| model));
        Ok(json::object(&members).map(|body| body.get().to_owned()))
    }

    /// A whole answer to such a request, with the words in it.
    pub fn json_answer(&self, body: &[u8]) -> Option<String> {
        self.restored_json(std::str::from_utf8(body).ok()?)
    }
}
