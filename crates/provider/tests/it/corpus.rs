//! The fuzz target's own function over its saved corpus, and over random changes to it.

use lockgate_testkit::corpus::Corpus;

#[path = "../../../../fuzz/src/provider.rs"]
mod target;

#[test]
fn retry_hints() {
    Corpus::of(target::TARGET).check(target::retry_hints);
}
