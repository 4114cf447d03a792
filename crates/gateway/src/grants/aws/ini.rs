//! The form of AWS's shared files (docs.aws.amazon.com, SDKs and tools reference, "Shared config and credentials files").

use std::collections::BTreeMap;

/// The settings of one section, names in lower case. Some are secrets, so it has no `Debug`.
pub(super) type Section = BTreeMap<String, String>;

/// The sections of a file, by what stands in their brackets, blanks made one. A later section of the same name adds to the
/// first; what is no setting is passed over, as AWS's own tools do.
pub(super) fn sections(text: &str) -> BTreeMap<String, Section> {
    let mut sections: BTreeMap<String, Section> = BTreeMap::new();
    let mut name: Option<String> = None;
    for line in text.lines() {
        if line.trim().is_empty() || line.starts_with(['#', ';']) {
            continue;
        }
        if let Some(rest) = line.strip_prefix('[') {
            let inside = rest.split(']').next().unwrap_or_default();
            let words: Vec<&str> = inside.split_whitespace().collect();
            name = Some(words.join(" "));
            continue;
        }
        // An indented line goes on with the setting before it: those are the settings of single services.
        let (Some(name), false) = (&name, line.starts_with([' ', '\t'])) else { continue };
        if let Some((key, value)) = line.split_once('=') {
            let section = sections.entry(name.clone()).or_default();
            section.insert(key.trim().to_ascii_lowercase(), uncommented(value).to_owned());
        }
    }
    sections
}

/// A value without the comment behind it, which begins with a blank before its sign.
fn uncommented(value: &str) -> &str {
    let end = [" #", " ;", "\t#", "\t;"].iter().filter_map(|sign| value.find(sign)).min();
    value[..end.unwrap_or(value.len())].trim()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let mut shown = String::new();
        for (name, section) in sections(text) {
            let pairs: Vec<String> = section.iter().map(|(key, value)| format!("{key}={value}")).collect();
            shown += &format!("[{name}] {}\n", pairs.join(" "));
        }
        assert_eq!(shown.trim_end(), expected);
    }

    #[test]
    fn files_as_people_write_them() {
        check("", "");
        check("a = 1\n[x]\nno setting\nA=1 # why\nb = c#d;e=\n", "[x] a=1 b=c#d;e=");
        check("[ profile\t x ] # mine\r\nregion = eu-west-1\r\n", "[profile x] region=eu-west-1");
        check(
            "[default]\n# note\ns3 =\n  max_queue_size = 1\n\nregion = a\n; note\n[default]\nregion = b",
            "[default] region=b s3=",
        );
        check("[broken\nx = 1\n[]\ny = 2", "[] y=2\n[broken] x=1");
    }
}
