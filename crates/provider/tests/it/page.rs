//! The page about presets says what the table says.

use std::fmt::Write;

use lockgate_provider::{Kind, StreamUsage, find, kinds};

/// The page's table: services with exceptions, one row each.
fn table() -> String {
    let mut table = "| kind | refuses | has by another name | tools of plain text | usage in streams |\n|---|---|---|---|---|\n".to_owned();
    let presets = kinds().into_iter().filter_map(find).filter_map(|Kind { preset, .. }| preset);
    for preset in presets {
        let fields: Vec<String> =
            preset.refuses.iter().chain(&preset.needless).map(|field| format!("`{field}`")).collect();
        let names: Vec<String> =
            preset.renames.iter().map(|rename| format!("`{}` as `{}`", rename.of, rename.to)).collect();
        let usage = match preset.stream_usage {
            StreamUsage::Ask => "",
            StreamUsage::Always => "unasked",
            StreamUsage::Never => "none",
        };
        let tools = if preset.custom_tools { "" } else { "become functions" };
        if !fields.is_empty() || !names.is_empty() || !usage.is_empty() || !tools.is_empty() {
            let (fields, names) = (fields.join(", "), names.join(", "));
            let _ = writeln!(table, "| `{}` | {fields} | {names} | {tools} | {usage} |", preset.name);
        }
    }
    table
}

#[test]
fn the_page_about_presets_has_their_table() {
    let page = include_str!("../../../../docs/presets.md");
    let table = table();
    assert!(page.contains(&table), "put this into docs/presets.md:\n{table}");
}
