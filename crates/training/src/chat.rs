//! A turn as one text, with reasoning before it and marks where its pictures stood.

use std::borrow::Cow;

use lockgate_protocol::ir::Losses;

use crate::{
    Reasoning,
    turns::{Piece, Speaker, Turn},
};

/// Stands in the text where a picture stood; the pictures themselves are in a list, in their order. This is how
/// LLaMA-Factory reads conversations with pictures (its `data/README.md`).
pub(crate) const PICTURE: &str = "<image>";

/// The text of a turn. Its pictures go behind `pictures`; how closely to look at them is lost.
///
/// The model's texts follow each other without anything between them: they are parts of one. Texts of others are parts
/// that were sent apart, and have an empty line between them.
pub(crate) fn text<'t>(turn: &Turn<'t>, pictures: &mut Vec<Cow<'t, str>>, losses: &mut Losses) -> String {
    let mut out = String::new();
    let mut is_after_text = false;
    for piece in &turn.pieces {
        match piece {
            Piece::Text(text) => {
                if text.contains(PICTURE) {
                    losses.add(&*turn.path, "its text has what stands for a picture here");
                }
                if is_after_text && turn.speaker != Speaker::Assistant {
                    out.push_str("\n\n");
                }
                out.push_str(text);
                is_after_text = true;
            }
            Piece::Picture(picture) => {
                // Anything but the default.
                if picture.detail.is_some_and(|detail| detail != "auto") {
                    let path = format!("{}.detail", picture.path);
                    losses.add(path, "how closely to look has no place here");
                }
                out.push_str(PICTURE);
                pictures.push(picture.url.clone());
                is_after_text = false;
            }
        }
    }
    out
}

/// The reasoning of a turn as it stands before its text, where it does.
pub(crate) fn thought(turn: &Turn<'_>, reasoning: Reasoning) -> String {
    match reasoning {
        Reasoning::Think if !turn.reasoning.is_empty() => format!("<think>{}</think>\n", turn.reasoning),
        Reasoning::Think | Reasoning::Field => String::new(),
    }
}
