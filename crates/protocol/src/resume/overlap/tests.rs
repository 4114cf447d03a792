//! Two parts of a text and what they have in common.

use proptest::prelude::*;

use super::*;

/// What a continuation in these pieces adds to what was sent; `None` if it contradicts it.
fn joined<'p>(rules: Rules, sent: &str, pieces: impl IntoIterator<Item = &'p str>) -> Option<String> {
    let mut overlap = Overlap::new(sent.to_owned(), rules);
    let mut met = Met::Open;
    for piece in pieces {
        match &mut met {
            Met::Open => met = overlap.push(piece),
            Met::At(text) => text.push_str(piece),
            Met::Contradicts => return None,
        }
    }
    if met == Met::Open {
        met = overlap.finish();
    }
    match met {
        Met::At(text) => Some(text),
        Met::Open | Met::Contradicts => None,
    }
}

#[track_caller]
fn check(rules: Rules, sent: &str, continuation: &str, expect: Option<&str>) {
    assert_eq!(joined(rules, sent, [continuation]).as_deref(), expect, "{sent:?} + {continuation:?}");
    let letters: Vec<String> = continuation.chars().map(String::from).collect();
    assert_eq!(
        joined(rules, sent, letters.iter().map(String::as_str)).as_deref(),
        expect,
        "letter by letter"
    );
}

#[test]
fn a_model_that_has_its_text_is_trusted() {
    let check = |sent, continuation, expect| check(Rules::TRUSTED, sent, continuation, Some(expect));
    check("It is ver", "y good.", "y good.");
    check("It is very", " very good.", " very good.");
    check("I know, I know", ", I know", ", I know");
    check("| a |", "| b |", "| b |");
    check("----------------------------", "----------------------------", "----------------------------");
    check("    }\n    }\n", "    }\n    }\n}", "    }\n    }\n}");
    // One that began a new message all the same.
    check("The answer to it is", "The answer to it is 42.", " 42.");
    check("Dear reader, the answer to the question is", "the answer to the question is 42.", " 42.");
    check("No", "No, no.", "No, no.");
    check("", "Yes.", "Yes.");
    check("", "", "");
    check("Yes", "", "");
}

#[test]
fn a_model_that_was_told_to_go_on_repeats_the_last_word() {
    let check = |sent, continuation, expect| check(Rules::TOLD, sent, continuation, Some(expect));
    check("for exam", "example, this", "ple, this");
    check("the quick", "quick brown", " brown");
    check("the quick", "ick brown", "ick brown");
    check("the quick", "the quick brown", " brown");
    check("the quick ", "brown", "brown");
    check("I am a", "a man", " man");
    check("Liste:\n-", "- eins", " eins");
    check("Das ist gut", "Das ist gut.", ".");
    check("日本の首都は東京で", "東京です。", "す。");
    check("日本の首都は東京で", "は東京です。", "す。");
    check("日本の首都は東京で、人口は", "京で、人口は千四百万", "千四百万");
    check("a = b -- c --", "-- d", " d");
}

#[test]
fn what_is_wrapped_around_a_repetition_goes_with_it() {
    let check = |sent, continuation, expect| check(Rules::TOLD, sent, continuation, Some(expect));
    check("the quick brown", "…quick brown fox", " fox");
    check("the quick brown", "\"brown fox", " fox");
    check("the quick brown", "... \u{201c}quick brown fox", " fox");
    check("the quick brown", "\n\nquick brown fox", " fox");
    // But not where nothing is repeated.
    check("He said", " \"No.\"", " \"No.\"");
    check("He went on", "... and on", "... and on");
    // A block of code that is open is not opened again; what closes it does.
    check("```rust\nfn main() {\n", "```rust\n    print();\n", "    print();\n");
    check("```rust\nfn main() {}\n", "```\nThat is all.", "```\nThat is all.");
    check("For instance:\n", "```rust\nfn main() {}", "```rust\nfn main() {}");
    check("```rust\nfn main() {\n    let x", "```rust\nlet x = 1;", " = 1;");
}

#[test]
fn blanks_are_not_there_twice() {
    for rules in [Rules::TRUSTED, Rules::TOLD] {
        let check = |sent, continuation, expect| check(rules, sent, continuation, Some(expect));
        check("One.\n", "\n\nTwo.", "\nTwo.");
        check("One. ", " Two.", "Two.");
        check("One. ", "Two.", "Two.");
        check("One:\n    ", "    two", "two");
        check("One.", "\n\nTwo.", "\n\nTwo.");
        check("一。\u{3000}", "\u{3000}二。", "二。");
        check("\n\n", "\n\nOne.", "One.");
        check("It is a town.\n", "It is a town. It lies", " It lies");
        check("It is a town.\n", "It is a town.\n\nIt lies", "\nIt lies");
        check("* a\n* b\n", "* b2", "* b2");
        check("    {\n        if a {\n        }\n", "        }\n    }", "        }\n    }");
        check("* a\n* b\n", "\n* b2", "* b2");
        check("One.\n\n", "\n", "");
    }
}

#[test]
fn an_answer_that_starts_over_and_differs_is_none() {
    let sent = "Paris is the capital of France. It lies on the Seine, in the north of the country, and has two million";
    let other =
        "Paris is the capital of France. It lies on the Seine, in the north of the country, not far from";
    for rules in [Rules::TRUSTED, Rules::TOLD] {
        check(rules, sent, other, None);
        check(rules, sent, &other[..80], None);
        check(rules, sent, &format!("{sent} people."), Some(" people."));
        check(rules, sent, sent, Some(""));
        // What the beginning and the end have in common may be meant as either.
        check(rules, sent, "Paris has many", Some("Paris has many"));
    }
}

/// Words that are all different, so that nothing of a text is there twice.
fn text() -> impl Strategy<Value = String> {
    let word = ("[a-zäß漢字]{0,6}", prop::sample::select(vec![" ", " ", " ", "\n", "\n\n", ", ", ".\n    "]));
    prop::collection::vec(word, 3..60).prop_map(|words| {
        let spelled = |(at, (word, blank)): (usize, (String, &str))| format!("{at}{word}{at}{blank}");
        words.into_iter().enumerate().map(spelled).collect()
    })
}

/// The pieces of a text between these places.
fn pieces(text: &str, places: &[prop::sample::Index]) -> Vec<String> {
    let letters: Vec<char> = text.chars().collect();
    let mut ends: Vec<usize> = places.iter().map(|place| place.index(letters.len() + 1)).collect();
    ends.push(letters.len());
    ends.sort_unstable();
    let mut start = 0;
    ends.into_iter().map(|end| letters[std::mem::replace(&mut start, end)..end].iter().collect()).collect()
}

/// Where a text may be cut.
fn place(text: &str, at: prop::sample::Index) -> usize {
    let places: Vec<usize> = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect();
    places[at.index(places.len())]
}

proptest! {
    /// A model that goes on exactly, or repeats a piece that is long enough to be one.
    #[test]
    fn the_parts_make_the_whole(
        text in text(),
        cut: prop::sample::Index,
        repeated: prop::sample::Index,
        goes_on_exactly: bool,
        chunks: Vec<prop::sample::Index>,
    ) {
        let cut = place(&text, cut);
        let sent = &text[..cut];
        let from = if goes_on_exactly { sent.trim_end().len() } else { place(sent, repeated) };
        let overlap = sent[from..].trim_end();
        let letters = overlap.chars().filter(|letter| letter.is_alphanumeric()).count();
        prop_assume!(overlap.trim().is_empty() || from == 0 || overlap.split_whitespace().map(str::len).sum::<usize>() >= 24 && letters >= 3);
        prop_assume!(from > 0 || letters >= 3 || overlap.is_empty());
        prop_assume!(goes_on_exactly || !overlap.trim().is_empty());
        let rest = pieces(&text[from..], &chunks);
        let added = joined(Rules::TRUSTED, sent, rest.iter().map(String::as_str)).unwrap();
        prop_assert_eq!(format!("{sent}{added}"), text);
    }

    /// A model that was told to repeat the last word, and repeats that, or more.
    #[test]
    fn the_parts_of_a_model_that_was_told_make_the_whole(
        text in text(),
        cut: prop::sample::Index,
        words in 1_usize..8,
        wrapping in prop::sample::select(vec!["", "", "…", "\"", "... ", "\n"]),
        chunks: Vec<prop::sample::Index>,
    ) {
        let cut = place(&text, cut);
        let sent = &text[..cut];
        let starts: Vec<usize> = sent
            .char_indices()
            .filter(|(at, letter)| !letter.is_whitespace() && (*at == 0 || sent[..*at].ends_with(char::is_whitespace)))
            .map(|(at, _)| at)
            .collect();
        let is_between = sent.is_empty() || sent.ends_with(char::is_whitespace);
        let from = match starts.len().checked_sub(words) {
            Some(at) if !is_between => starts[at],
            // The model got the text without these blanks.
            _ if is_between => sent.trim_end().len(),
            _ => 0,
        };
        let wrapping = if is_between { "" } else { wrapping };
        let continuation = format!("{wrapping}{}", &text[from..]);
        let rest = pieces(&continuation, &chunks);
        let added = joined(Rules::TOLD, sent, rest.iter().map(String::as_str)).unwrap();
        prop_assert_eq!(format!("{sent}{added}"), text);
    }

    /// Whatever a model says: what is added is the end of it, and does not depend on its pieces.
    #[test]
    fn only_the_front_is_cut_and_pieces_do_not_count(
        sent in "[ab \n.\"`…é]{0,40}",
        continuation in "[ab \n.\"`…é]{0,40}",
        chunks: Vec<prop::sample::Index>,
        told: bool,
    ) {
        let rules = if told { Rules::TOLD } else { Rules::TRUSTED };
        let whole = joined(rules, &sent, [&*continuation]);
        let rest = pieces(&continuation, &chunks);
        prop_assert_eq!(&whole, &joined(rules, &sent, rest.iter().map(String::as_str)));
        if let Some(added) = whole {
            prop_assert!(continuation.ends_with(&added));
        }
    }
}
