//! Config files of other gateways: recognised by their shape, and turned into Lockgate's own form before anything is
//! checked.
//!
//! What comes out is a tree like that of a file in the own form, whose nodes stand where their values were written: errors
//! name the place in the file that somebody has, and `import` prints the same tree.

mod ai_proxy;
mod api_pool;
mod common;
mod instances;
mod litellm;
mod pools;
mod section;
pub(crate) mod table;

use section::may_quote_key;

use crate::reading::Reading;
use crate::tree::{Kind, Node};
use crate::{Env, check, schema};

/// One form that config files have.
pub(crate) struct Form {
    /// What messages call it.
    pub(crate) name: &'static str,
    /// What such a file is known by, as the end of a sentence.
    pub(crate) known_by: &'static str,
    /// Whether a file has this shape: what no other form has counts, not what it may have.
    pub(crate) fits: fn(&Node) -> bool,
    /// The same in the own form. What is wrong and what has no meaning here is said to the reading; `None` if nothing can
    /// be made of the file, which is a finding.
    pub(crate) convert: fn(&Node, &mut Reading<'_>) -> Option<Node>,
}

/// Every form beside the own one.
pub(crate) const FORMS: &[Form] =
    &[api_pool::FORM, instances::FORM, pools::FORM, ai_proxy::FORM, litellm::FORM];

/// The texts of files that stand for variables alone, for the forms whose gateways start without a file.
const ENVIRONMENTS: &[fn(Env<'_>) -> Option<String>] = &[pools::environment];

/// The file that stands for the variables of another gateway, if some are set that no other has.
pub(crate) fn environment(env: Env<'_>) -> Option<String> {
    ENVIRONMENTS.iter().find_map(|text| text(env))
}

/// What the form of a file is called; `None` if it has the own one, or none that is known.
pub(crate) fn form_of(root: &Node) -> Option<&'static str> {
    FORMS.iter().find(|form| (form.fits)(root)).map(|form| form.name)
}

/// The file in the own form, whatever form it has; `None` where that cannot be said or done, which is reported.
pub(crate) fn native(root: Node, reading: &mut Reading<'_>) -> Option<Node> {
    let fitting: Vec<&Form> = FORMS.iter().filter(|form| (form.fits)(&root)).collect();
    match fitting.as_slice() {
        [] => own(root, reading),
        [form] if !is_own(&root) => {
            reading.form = Some(form.name);
            let native = (form.convert)(&root, reading);
            reading.notes.sort_by(|a, b| (&a.file, a.line).cmp(&(&b.file, b.line)));
            // What several rows refer to is read once for each.
            reading.notes.dedup();
            native
        }
        forms => {
            root.entries().iter().for_each(|entry| may_quote_key(entry, reading));
            let own = is_own(&root).then_some("Lockgate's own form".to_owned());
            let named = |form: &&Form| format!("the form of {} ({})", form.name, form.known_by);
            let fits: Vec<String> = own.into_iter().chain(forms.iter().map(named)).collect();
            let message = format!("the file fits several forms: {}", fits.join(", "));
            let hint = "split it: each file is written in one form".to_owned();
            reading.findings.report(root.span, "", message, Some(hint));
            None
        }
    }
}

/// The file itself, unless nothing in it is known: then it is likely a file of something else.
fn own(root: Node, reading: &mut Reading<'_>) -> Option<Node> {
    let keys = check::top_level(&schema());
    let known = |key: &str| {
        keys.iter().any(|known| known == key)
            || reading.findings.nearest(key, keys.iter().map(String::as_str)).is_some()
    };
    let entries = root.entries();
    if entries.is_empty() || !matches!(root.kind, Kind::Mapping(_)) || entries.iter().any(|it| known(&it.key))
    {
        return Some(root);
    }
    entries.iter().for_each(|entry| may_quote_key(entry, reading));
    let forms: Vec<String> =
        FORMS.iter().map(|form| format!("that of {} ({})", form.name, form.known_by)).collect();
    let message = "the file fits no known form: not Lockgate's own, and none of another gateway".to_owned();
    let hint = format!(
        "the own form has keys such as `providers` and `models`; the others are {}",
        forms.join(", ")
    );
    reading.findings.report(root.span, "", message, Some(hint));
    None
}

/// Whether a file has a key that only the own form has.
fn is_own(root: &Node) -> bool {
    const ONLY_HERE: [&str; 5] = ["providers", "access", "prices", "rules", "strategy"];
    root.entries().iter().any(|entry| ONLY_HERE.contains(&entry.key.as_str()))
}
