//! What a cloak promises: that nothing is lost on the way there and back, and that no word is left.

use proptest::{collection::vec, prelude::*, sample::select};

use super::*;
use crate::ir::{
    Block, BlockKind, Choice, Content, Delta, Event, Message, Response, Role, Signature, Text, Thinking,
    ToolKind,
};

fn cloak_with(words: &[&str], user: User, system: Option<System>) -> Cloak {
    let words = words.iter().map(ToString::to_string).collect();
    Cloak::new(Settings { key: Key::new("secret"), system, user, words }).unwrap()
}

fn cloak(words: &[&str]) -> Cloak {
    cloak_with(words, User::Keep, None)
}

/// Words whose occurrences overlap, run into each other and into placeholders, and look like placeholders.
const WORDS: &[&str] = &[
    "acme",
    "acme corp",
    "corpus",
    "xenon",
    "foz",
    "straße",
    "Café",
    "東京",
    "q2x",
    "line\nend",
    "say \"no\"",
    "zqk",
];

/// Text that is made of their pieces.
fn text() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        4 => select(WORDS.to_vec()).prop_map(str::to_owned),
        2 => select(WORDS.to_vec()).prop_map(str::to_uppercase),
        2 => "[acmeorpus xenfozqZ237kstraße\"\\\\\n]{0,6}",
        1 => "Zq[bcdfgh2-9]{7}x",
        1 => any::<String>(),
    ];
    vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

fn covered(cloak: &Cloak, text: &str) -> (String, Mask) {
    let mut mask = Mask::new(Arc::clone(&cloak.parts));
    let covered = mask.cover(text).unwrap_or_else(|| text.to_owned());
    (covered, mask)
}

/// What a stream of `pieces` in a block of `kind` comes to, and how often something was said.
fn streamed(mask: Mask, kind: BlockKind<'_>, pieces: &[&str]) -> (String, usize) {
    let mut unmask = Unmask::new(Arc::new(mask));
    let (mut said, mut count) = (String::new(), 0);
    let is_call = matches!(kind, BlockKind::ToolUse { .. });
    let mut sink = |event: Event<'_>| {
        if let Event::Delta { delta: Delta::Text(text) | Delta::Input(text), .. } = event {
            assert!(!text.is_empty());
            said.push_str(&text);
            count += 1;
        }
    };
    unmask.event(Event::BlockStart { choice: 0, block: 0, kind }, &mut sink);
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        let text = Text::from(*piece);
        let delta = if is_call { Delta::Input(text) } else { Delta::Text(text) };
        unmask.event(Event::Delta { choice: 0, block: 0, delta }, &mut sink);
    }
    unmask.event(Event::BlockStop { choice: 0, block: 0 }, &mut sink);
    (said, count)
}

fn call() -> BlockKind<'static> {
    BlockKind::ToolUse {
        id: "c".into(),
        name: "f".into(),
        kind: ToolKind::Function,
        signature: None,
        item: None,
    }
}

/// `text` in pieces that end at the characters nearest to `cuts`.
fn pieces<'t>(text: &'t str, cuts: &[usize]) -> Vec<&'t str> {
    let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]).collect::<Vec<_>>();
    let mut places: Vec<usize> =
        cuts.iter().map(|cut| ends[cut % ends.len()]).chain([0, text.len()]).collect();
    places.sort_unstable();
    places.windows(2).map(|pair| &text[pair[0]..pair[1]]).collect()
}

proptest! {
    #[test]
    fn any_text_comes_back_however_it_is_split(text in text(), cuts in vec(any::<usize>(), 0..40)) {
        let cloak = cloak(WORDS);
        let (covered, mask) = covered(&cloak, &text);
        prop_assert!(!cloak.parts.words.are_in(&covered), "{covered:?}");
        prop_assert_eq!(mask.restored(&covered).unwrap_or(covered.clone()), &*text);
        prop_assert_eq!(streamed(mask, BlockKind::Text, &pieces(&covered, &cuts)).0, text);
    }

    #[test]
    fn any_json_comes_back_however_it_is_split(name in text(), value in text(), cuts in vec(any::<usize>(), 0..40)) {
        let cloak = cloak(WORDS);
        let input = serde_json::json!({ name: [value, 1, null] });
        let text = input.to_string();
        let mut mask = Mask::new(Arc::clone(&cloak.parts));
        let covered = json::cover(&text, json::Of::People, &mut |text| mask.cover(text)).unwrap_or(text);
        let outgoing: serde_json::Value = serde_json::from_str(&covered).unwrap();
        for (name, value) in outgoing.as_object().unwrap() {
            prop_assert!(!cloak.parts.words.are_in(name) && !cloak.parts.words.are_in(value[0].as_str().unwrap()));
        }
        let (back, _) = streamed(mask, call(), &pieces(&covered, &cuts));
        prop_assert_eq!(serde_json::from_str::<serde_json::Value>(&back).unwrap(), input);
    }

    #[test]
    fn text_without_placeholders_is_not_changed_and_not_held(text in any::<String>(), said in "[ -Y\\[-~]{1,30}") {
        let cloak = cloak(WORDS);
        let (_, mask) = covered(&cloak, "Acme");
        prop_assert_eq!(mask.restored(&text), None);
        let pieces: Vec<&str> = said.split_inclusive(' ').collect();
        let (back, count) = streamed(mask, BlockKind::Text, &pieces);
        prop_assert_eq!((&*back, count), (&*said, pieces.len()));
    }

    #[test]
    fn covering_what_came_back_gives_what_was_sent(text in text()) {
        let cloak = cloak(WORDS);
        let (covered, mask) = covered(&cloak, &text);
        prop_assert!(mask.comes_back(&covered));
    }
}

#[test]
fn a_placeholder_is_the_same_for_the_same_spelling_only() {
    let cloak = cloak(&["acme"]);
    let (first, _) = covered(&cloak, "Acme acme ACME aCmE Acme");
    let (again, mask) = covered(&cloak, "Acme acme ACME aCmE Acme");
    assert_eq!(first, again);
    let words: Vec<&str> = first.split(' ').collect();
    assert_eq!(words[0], words[4]);
    assert_eq!(std::collections::HashSet::<&&str>::from_iter(&words).len(), 4);
    assert_eq!(mask.restored(&format!("**{}**s", words[3])).as_deref(), Some("**aCmE**s"));
    // Another key gives others; a usual spelling is known even to a request that does not have it.
    let other = Cloak::new(Settings {
        key: Key::new("other"),
        system: None,
        user: User::Keep,
        words: vec!["acme".to_owned()],
    });
    assert_ne!(covered(&other.unwrap(), "acme").0, words[1]);
    let (_, fresh) = covered(&cloak, "nothing");
    assert_eq!(fresh.restored(words[2]).as_deref(), Some("ACME"));
    assert_eq!(fresh.restored(words[3]), None);
}

#[test]
fn text_that_looks_like_a_placeholder_is_no_way_to_a_word() {
    let cloak = cloak(&["acme"]);
    let (covered_word, _) = covered(&cloak, "acme");
    let (covered, mask) = covered(&cloak, &covered_word);
    assert_ne!(covered, covered_word);
    assert_eq!(mask.restored(&covered).as_deref(), Some(&*covered_word));
}

#[test]
fn text_made_to_grow_without_end_is_covered_whole() {
    let cloak = cloak(&["acme", "xenon"]);
    let text = format!("acme{}", "enon".repeat(10_000));
    let (covered, mask) = covered(&cloak, &text);
    assert!(!cloak.parts.words.are_in(&covered));
    assert_eq!(mask.restored(&covered).as_deref(), Some(&*text));
}

#[test]
fn the_system_prompt_is_the_operators() {
    let system = |replaces| Some(System { text: "Ours.".to_owned(), replaces });
    let mut request = Request { system: vec![Content::text("Theirs.").into()], ..Request::default() };
    for role in [Role::Developer, Role::User] {
        request.messages.push(Message::new(role, vec![Content::text("Said.").into()]));
    }
    let texts = |blocks: &[Block<'_>]| -> Vec<String> {
        let text = |block: &Block<'_>| match &block.content {
            Content::Text { text, .. } => text.to_string(),
            content => panic!("{content:?}"),
        };
        blocks.iter().map(text).collect()
    };
    let (before, _) = cloak_with(&[], User::Keep, system(false)).request(&request);
    assert_eq!(
        (texts(&before.system), before.messages.len()),
        (vec!["Ours.".to_owned(), "Theirs.".to_owned()], 2)
    );
    let (instead, _) = cloak_with(&[], User::Keep, system(true)).request(&request);
    assert_eq!((texts(&instead.system), instead.messages.len()), (vec!["Ours.".to_owned()], 1));
}

#[test]
fn the_user_is_dropped_renamed_or_kept_wherever_he_is_named() {
    let raw = |text: &str| {
        crate::ir::Raw::Owned(serde_json::value::RawValue::from_string(text.to_owned()).unwrap())
    };
    let request = || Request {
        user: Some("ann@example.com".into()),
        metadata: Some(raw(r#"{"user-id":"ann","team":"blue"}"#)),
        cache_key: Some("ann-session".into()),
        extra: vec![
            ("safety_identifier".into(), raw("\"ann\"")),
            ("client_metadata".into(), raw(r#"{"x":"1"}"#)),
            ("top_k".into(), raw("1")),
        ],
        ..Request::default()
    };
    let seen = |user| {
        let (request, _) = cloak_with(&[], user, None).request(&request());
        let extra: Vec<String> =
            request.extra.iter().map(|(name, raw)| format!("{name}={}", raw.get())).collect();
        (
            request.user.map(|user| user.to_string()),
            request.metadata.map(|raw| raw.get().to_owned()),
            request.cache_key.map(|key| key.to_string()),
            extra,
        )
    };
    let (user, metadata, key, extra) = seen(User::Drop);
    assert_eq!((user, metadata.as_deref(), key), (None, Some(r#"{"team":"blue"}"#), None));
    assert_eq!(extra, ["top_k=1"]);
    let (user, metadata, key, extra) = seen(User::Pseudonym);
    let name = |id: &str| cloak_with(&[], User::Pseudonym, None).named(id).unwrap();
    assert_eq!(user.as_deref(), Some(&*name("ann@example.com")));
    assert_eq!(metadata, Some(format!(r#"{{"user-id":"{}","team":"blue"}}"#, name("ann"))));
    assert_eq!(key.as_deref(), Some(&*name("ann-session")));
    assert_eq!(extra, [format!("safety_identifier=\"{}\"", name("ann")), "top_k=1".to_owned()]);
    assert!(name("ann").len() <= 64 && !name("ann").contains("ann") && name("ann") != name("bob"));
    let (user, _, key, extra) = seen(User::Keep);
    assert_eq!(
        (user.as_deref(), key.as_deref(), extra.len()),
        (Some("ann@example.com"), Some("ann-session"), 3)
    );
}

#[test]
fn signed_reasoning_goes_back_as_it_was_signed() {
    let cloak = cloak(&["acme"]);
    let (placeholder, _) = covered(&cloak, "Acme");
    // The second is a word that the model came to by itself.
    for signed in [format!("Think of {placeholder}."), format!("Think of {placeholder} or Acme.")] {
        let (_, mask) = cloak.request(&Request::default());
        let thinking = Thinking {
            text: signed.clone().into(),
            signature: Some(Signature::new("anthropic", "proof")),
            ..Thinking::default()
        };
        let block = Block::from(Content::Thinking(thinking));
        let mut response = Response {
            choices: vec![Choice { blocks: vec![block], ..Choice::default() }],
            ..Response::default()
        };
        mask.response(&mut response);
        let whole = response.choices.remove(0).blocks.remove(0);
        let stream = stream_of_reasoning(mask, &signed);
        for block in [whole, stream] {
            let Content::Thinking(shown) = &block.content else { panic!("{block:?}") };
            assert_eq!(&*shown.text, signed.replace(&placeholder, "Acme"));
            let next =
                Request { messages: vec![Message::new(Role::Assistant, vec![block])], ..Request::default() };
            let (next, _) = cloak.request(&next);
            let Content::Thinking(back) = &next.messages[0].blocks[0].content else { panic!("{next:?}") };
            assert_eq!(
                (&*back.text, back.signature.as_ref().unwrap().at_home("anthropic")),
                (&*signed, Some("proof"))
            );
        }
    }
}

fn stream_of_reasoning(mask: Mask, signed: &str) -> Block<'static> {
    let mut thinking = Thinking::default();
    let mut unmask = Unmask::new(Arc::new(mask));
    let kind = BlockKind::Thinking { is_summary: false, is_redacted: false, item: None };
    let delta = |delta| Event::Delta { choice: 0, block: 0, delta };
    let letters = signed.chars().map(|letter| delta(Delta::Text(letter.to_string().into())));
    let events = std::iter::once(Event::BlockStart { choice: 0, block: 0, kind }).chain(letters).chain([
        delta(Delta::Signature(Signature::new("anthropic", "proof"))),
        Event::BlockStop { choice: 0, block: 0 },
    ]);
    for event in events {
        unmask.event(event, &mut |event| match event {
            Event::Delta { delta: Delta::Text(text), .. } => {
                assert_eq!(thinking.signature, None);
                thinking.text = format!("{}{text}", thinking.text).into();
            }
            Event::Delta { delta: Delta::Signature(signature), .. } => {
                let origin = signature.origin.into_owned();
                thinking.signature = Some(Signature { origin, value: signature.value.into_owned() });
            }
            _ => {}
        });
    }
    Content::Thinking(thinking).into()
}

#[test]
fn bodies_that_are_no_conversation_are_covered_too() {
    let cloak = cloak_with(&["acme"], User::Drop, None);
    let body = br#"{"model":"acme-1","input":["Acme", 7],"user":"ann","dimensions":8}"#;
    let (covered, mask) = cloak.body(body).unwrap();
    let covered = covered.unwrap();
    let (placeholder, _) = self::covered(&cloak, "Acme");
    assert_eq!(covered, format!(r#"{{"input":["{placeholder}", 7],"dimensions":8,"model":"acme-1"}}"#));
    assert_eq!(mask.json_answer(format!("[\"{placeholder}\"]").as_bytes()).as_deref(), Some("[\"Acme\"]"));
    let form = b"--b\r\nContent-Disposition: form-data; name=\"user\"\r\n\r\nann\r\n--b--";
    let plain = b"--b\r\nContent-Disposition: form-data; name=\"file\"\r\n\r\nx\r\n--b--";
    assert!(cloak.body(plain).is_err());
    let wordless = cloak_with(&[], User::Drop, None);
    assert!(wordless.body(form).is_err() && wordless.body(plain).unwrap().0.is_none());
    assert!(cloak_with(&[], User::Keep, None).body(form).unwrap().0.is_none());
}
