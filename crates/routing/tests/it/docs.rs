//! The documentation has the table of strategies as the code has it.

use std::{fs, path::Path};

use lockgate_routing::STRATEGIES;

#[test]
fn every_strategy_is_documented_as_it_is() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/routing.md");
    let text = fs::read_to_string(path).unwrap();
    for row in STRATEGIES {
        let line = format!("| `{}` | {} |", row.name, row.doc);
        assert!(text.contains(&line), "docs/routing.md lacks this line:\n{line}");
    }
}
