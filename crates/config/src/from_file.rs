//! Values that are in files of their own, as orchestrators hand out secrets: `file:///run/secrets/key`.

use std::path::Path;

use bytesize::ByteSize;

use crate::reading::Reading;
use crate::tree::{Kind, Node, Scalar, quotable};

/// What such a value begins with. Behind it stands a path; one without a `/` in front counts from the folder of the file
/// that names it.
pub(crate) const SCHEME: &str = "file://";
/// The most bytes that a value may have.
const MAX_BYTES: usize = 1024 * 1024;

/// Puts the content of the file that a scalar names in its place, without its last line break. `written` is how the path
/// is written: one in which a variable was replaced is not shown.
pub(crate) fn replace(node: &mut Node, written: &str, path: &str, reading: &mut Reading<'_>) {
    let Kind::Scalar(scalar) = &node.kind else { return };
    let file = scalar.text.strip_prefix(SCHEME).unwrap_or_default();
    let content = if file.is_empty() {
        Err("has no path".to_owned())
    } else {
        let file = reading.sources.folder(node.span.source).join(Path::new(file));
        reading.files.push(file.clone());
        (reading.around.read)(&file)
    };
    let content = content.and_then(|content| match content.len() > MAX_BYTES {
        true => Err(format!("is larger than {}, the most a value may have", ByteSize(MAX_BYTES as u64))),
        false => Ok(content),
    });
    match content {
        Ok(content) => {
            let text = content.strip_suffix('\n').unwrap_or(&content);
            let text = text.strip_suffix('\r').unwrap_or(text).to_owned();
            node.kind = Kind::Scalar(Scalar { text, plain: scalar.plain, interpolated: true });
        }
        Err(fault) => {
            reading.findings.may_quote(node.span);
            let message = format!("`{SCHEME}{}` {fault}", quotable(written));
            let hint =
                "behind `file://` stands a path: from the root, or from the folder of this file".to_owned();
            reading.findings.report(node.span, path, message, Some(hint));
            node.kind = Kind::Broken;
        }
    }
}
