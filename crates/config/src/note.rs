//! What is said about a file that is fit to run.

use std::fmt;

/// Something about a file that its owner should know, though nothing is wrong: a key of another gateway's file that has
/// no meaning here, or a meaning that had to be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// The file, as the caller named it.
    pub file: String,
    /// The line, from 1; 0 when it is about the file as a whole.
    pub line: usize,
    /// The key, such as `router_settings.redis_host`; empty at the top.
    pub path: String,
    /// What there is to know, without any value of the file.
    pub text: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: ", self.file)?,
            line => write!(f, "{}:{line}: ", self.file)?,
        }
        match self.path.as_str() {
            "" => f.write_str(&self.text),
            path => write!(f, "`{path}` {}", self.text),
        }
    }
}
