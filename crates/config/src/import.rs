//! A file of another gateway as a file in the own form.

use std::fmt::Write as _;
use std::path::Path;

use crate::dot_env::DotEnv;
use crate::note::Note;
use crate::problem::Errors;
use crate::reading::{Around, Reading};
use crate::{Env, emit, foreign, read};

/// What a file comes to in Lockgate's own form.
#[derive(Clone, Debug)]
pub struct Imported {
    /// What the form of the file is called; `None` if it is the own one.
    pub form: Option<&'static str>,
    /// The file in the own form as YAML, with comments where a meaning had to be chosen, and the notes above all.
    pub text: String,
    /// What has no meaning here, and what else the owner should know.
    pub notes: Vec<Note>,
}

/// Reads a file in any form and writes it in the own one. Variables are left for those who run it.
///
/// # Errors
/// Every problem of its form; whether the result is fit to run is for [`load`](crate::load) to say.
pub fn import(path: &Path, env: Env<'_>) -> Result<Imported, Errors> {
    let name = path.display().to_string();
    let text = read(path).map_err(|message| Errors::of_file(&name, message))?;
    let beside = DotEnv::beside(path);
    let both = |name: &str| beside.or(name, env);
    let mut reading = Reading::new(Around::files(&both));
    let Some(root) = reading.parse(&name, &text) else { return Err(reading.errors()) };
    let form = foreign::form_of(&root);
    match foreign::native(root, &mut reading) {
        Some(root) if reading.findings.is_empty() => {
            let notes = reading.notes;
            let text = head(&name, form, &notes) + &emit::yaml(&root);
            Ok(Imported { form, text, notes })
        }
        _ => Err(reading.errors()),
    }
}

/// Where it comes from, and the notes.
fn head(name: &str, form: Option<&str>, notes: &[Note]) -> String {
    let Some(form) = form else { return String::new() };
    let name = name.replace(char::is_control, "?");
    let mut head = format!("# From {name}, which has the form of {form}.\n");
    for note in notes {
        let _ = writeln!(head, "# {}", note.to_string().replace(char::is_control, "?"));
    }
    head.push('\n');
    head
}
