//! `POST /files`: says what was uploaded and keeps nothing.

use serde_json::json;

use super::{Answered, ApiError, Ask, rules::Kind};
use crate::{
    multipart::Form,
    reply::{Reply, json_bytes},
    text,
};

const PURPOSES: &[&str] = &["assistants", "batch", "fine-tune", "vision", "user_data", "evals"];

/// The record of the file.
pub(super) fn upload(ask: &Ask<'_>, form: &Form) -> Answered {
    let purpose = form.text("purpose").ok_or_else(|| ApiError::missing("purpose"))?;
    if ask.call.strict {
        Kind::OneOf(PURPOSES).check("purpose", &purpose.into())?;
    }
    let file = form.file("file").ok_or_else(|| ApiError::missing("file"))?;
    let record = json!({
        "id": text::id("file-", ask.call.serial),
        "object": "file",
        "bytes": file.content.len(),
        "created_at": text::created(ask.call.serial),
        "filename": file.file_name,
        "purpose": purpose,
        "status": "processed",
        "expires_at": null,
        "status_details": null,
    });
    Ok(Reply::json(200, json_bytes(&record)))
}
