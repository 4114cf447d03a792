//! Media in a conversation of text and pictures: what a picture's address is, and what else can be said in words.

use std::borrow::Cow;

use lockgate_protocol::ir::{Media, Source};

/// The first bytes, in base64, of the kinds of pictures that models take.
const KINDS: &[(&str, &str)] =
    &[("/9j", "image/jpeg"), ("R0lG", "image/gif"), ("UklG", "image/webp"), ("iVBO", "image/png")];

/// The address of a picture: its link, or a data URL. Fails with the reason why it has none.
pub(crate) fn picture<'m>(media: &'m Media<'_>) -> Result<Cow<'m, str>, &'static str> {
    match &media.source {
        Source::Url(url) => Ok(Cow::Borrowed(url)),
        Source::Base64(data) => {
            let by_bytes = || KINDS.iter().find(|kind| data.starts_with(kind.0)).map(|kind| kind.1);
            let kind = media.media_type.as_deref().or_else(by_bytes).ok_or("a picture of an unknown kind")?;
            Ok(format!("data:{kind};base64,{}", &**data).into())
        }
        Source::File(_) => Err("it lies in a provider's store"),
        Source::Text(_) | Source::Blocks(_) => Err("a picture without bytes or address"),
    }
}

/// The words of a document that is text, behind its title and what the client says about it. Fails with the reason why
/// there are none.
pub(crate) fn document<'m>(media: &'m Media<'_>) -> Result<Cow<'m, str>, &'static str> {
    let text = media.plain_text().ok_or("a document that is not text")?;
    Ok(match heading(media) {
        Some(heading) => format!("{heading}\n\n{text}").into(),
        None => text,
    })
}

/// What stands before the text of a document.
pub(crate) fn heading(media: &Media<'_>) -> Option<String> {
    let head: Vec<&str> = media.heading().map(|text| &**text).collect();
    (!head.is_empty()).then(|| head.join("\n\n"))
}
