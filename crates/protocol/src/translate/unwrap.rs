//! Takes the plain text out of a function call's arguments, piece by piece as they come.

use serde_json::{Map, Value};

use super::custom::MEMBER;

/// Most bytes of arguments of another form that are held back until they are whole; longer ones pass as they are.
const MAX_HELD: usize = 1 << 20;

/// One call's arguments on their way to being plain text. Arguments of the form `{"input":"..."}` pass letter by letter;
/// others are held until their end, and are the text of their only member, or else themselves.
#[derive(Debug, Default)]
pub(super) struct Unwrap {
    state: State,
    /// What came before the text, or all of arguments of another form.
    held: String,
    /// The first half of a letter that is spelled as two escapes.
    high: Option<u16>,
    /// Whether something stands behind the text.
    has_more: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum State {
    /// Before the object.
    #[default]
    Before,
    /// In the object, before its first name.
    Object,
    /// In the name, of which so many letters fit.
    Name(usize),
    /// Behind the name.
    Named,
    /// Before the value.
    Value,
    /// In the text.
    Text,
    /// Behind a backslash in the text.
    Escape,
    /// In an escape by number: digits so far, and their value.
    Code(u8, u16),
    /// Behind the text.
    After,
    /// Behind the object.
    Closed,
    /// In arguments of another form.
    Other,
    /// In arguments of another form that are too long to be held.
    Passing,
}

impl Unwrap {
    /// Takes the next piece of the arguments; gives the text in it.
    pub(super) fn push(&mut self, piece: &str) -> String {
        let mut text = String::new();
        let mut rest = piece;
        while let Some(letter) = rest.chars().next() {
            let end = match self.state {
                State::Text => memchr::memchr2(b'"', b'\\', rest.as_bytes()).unwrap_or(rest.len()),
                State::Other | State::Passing => rest.len(),
                _ => 0,
            };
            let (plain, behind) = rest.split_at(end);
            if !plain.is_empty() {
                match self.state {
                    State::Other => self.held.push_str(plain),
                    _ => self.say(plain, &mut text),
                }
                rest = behind;
                continue;
            }
            rest = &rest[letter.len_utf8()..];
            self.step(letter, &mut text);
        }
        if self.state == State::Other && self.held.len() > MAX_HELD {
            self.state = State::Passing;
            text.push_str(&std::mem::take(&mut self.held));
        }
        text
    }

    /// The end of the arguments: what is left of the text, and whether there was more than the text.
    pub(super) fn finish(mut self) -> (String, bool) {
        let mut text = String::new();
        self.say("", &mut text);
        let Some(object) = serde_json::from_str::<Map<String, Value>>(&self.held).ok() else {
            text.push_str(&self.held);
            return (text, self.has_more);
        };
        let has_others = object.len() > 1;
        let only = if has_others { object.get(MEMBER) } else { object.values().next() };
        match only {
            Some(Value::String(only)) => {
                text.push_str(only);
                (text, has_others)
            }
            _ => {
                text.push_str(&self.held);
                (text, false)
            }
        }
    }

    fn step(&mut self, letter: char, text: &mut String) {
        let is_blank = matches!(letter, ' ' | '\t' | '\n' | '\r');
        let is_head = matches!(
            self.state,
            State::Before | State::Object | State::Name(_) | State::Named | State::Value
        );
        if is_head {
            self.held.push(letter);
        }
        self.state = match (self.state, letter) {
            (State::Before | State::Object | State::Named | State::Value | State::Closed, _) if is_blank => {
                return;
            }
            (State::Before, '{') => State::Object,
            (State::Object, '"') => State::Name(0),
            (State::Name(fit), '"') if fit == MEMBER.len() => State::Named,
            (State::Name(fit), _)
                if MEMBER.as_bytes().get(fit).is_some_and(|next| letter == char::from(*next)) =>
            {
                State::Name(fit + 1)
            }
            (State::Named, ':') => State::Value,
            (State::Value, '"') => {
                self.held.clear();
                State::Text
            }
            (State::Text, '"') => {
                self.say("", text);
                State::After
            }
            (State::Text, _) => State::Escape,
            (State::Escape, 'u') => State::Code(0, 0),
            (State::Escape, _) => {
                self.say(plain_escape(letter).unwrap_or("\\"), text);
                if plain_escape(letter).is_none() {
                    text.push(letter);
                }
                State::Text
            }
            (State::Code(digits, code), _) => match letter.to_digit(16) {
                Some(digit) if digits < 3 => State::Code(digits + 1, code << 4 | digit as u16),
                Some(digit) => {
                    self.unit(code << 4 | digit as u16, text);
                    State::Text
                }
                None => {
                    self.say("\u{fffd}", text);
                    self.state = State::Text;
                    match letter {
                        '"' | '\\' => return self.step(letter, text),
                        _ => text.push(letter),
                    }
                    State::Text
                }
            },
            (State::After, '}') => State::Closed,
            (State::After, _) if is_blank => State::After,
            (state @ (State::After | State::Closed), _) => {
                self.has_more = true;
                state
            }
            (State::Passing, _) => State::Passing,
            (
                State::Before | State::Object | State::Name(_) | State::Named | State::Value | State::Other,
                _,
            ) => State::Other,
        };
    }

    /// Adds text behind a letter that was begun and cannot be completed any more.
    fn say(&mut self, more: &str, text: &mut String) {
        if self.high.take().is_some() {
            text.push(char::REPLACEMENT_CHARACTER);
        }
        text.push_str(more);
    }

    /// Takes a letter, or half of one, that is spelled by its number.
    fn unit(&mut self, code: u16, text: &mut String) {
        let is_first = (0xd800..0xdc00).contains(&code);
        let is_second = (0xdc00..0xe000).contains(&code);
        match self.high {
            Some(high) if is_second => {
                self.high = None;
                let letter = char::decode_utf16([high, code]).next().and_then(Result::ok);
                text.push(letter.unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            _ => {
                self.say("", text);
                match char::from_u32(u32::from(code)) {
                    Some(letter) => text.push(letter),
                    None if is_first => self.high = Some(code),
                    None => text.push(char::REPLACEMENT_CHARACTER),
                }
            }
        }
    }
}

/// What a short escape stands for.
fn plain_escape(letter: char) -> Option<&'static str> {
    Some(match letter {
        'n' => "\n",
        't' => "\t",
        'r' => "\r",
        'b' => "\u{8}",
        'f' => "\u{c}",
        '"' => "\"",
        '\\' => "\\",
        '/' => "/",
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read<'p>(pieces: impl IntoIterator<Item = &'p str>) -> (String, bool) {
        let mut unwrap = Unwrap::default();
        let mut text: String = pieces.into_iter().map(|piece| unwrap.push(piece)).collect();
        let (rest, has_more) = unwrap.finish();
        text.push_str(&rest);
        (text, has_more)
    }

    /// The text of the arguments, however they are cut.
    #[track_caller]
    fn check(arguments: &str, text: &str, has_more: bool) {
        let expected = (text.to_owned(), has_more);
        assert_eq!(read([arguments]), expected);
        let letters: Vec<String> = arguments.chars().map(String::from).collect();
        assert_eq!(read(letters.iter().map(|letter| &**letter)), expected, "letter by letter");
        for (at, _) in arguments.char_indices() {
            assert_eq!(read([&arguments[..at], &arguments[at..]]), expected, "cut at {at}");
        }
    }

    #[test]
    fn the_text_is_what_was_put_in() {
        check(
            r#"{"input":"*** Begin Patch\n+a \"b\" \\ \/ \t é 🔭"}"#,
            "*** Begin Patch\n+a \"b\" \\ / \t é 🔭",
            false,
        );
        check(" { \"input\" : \"x\" } \n", "x", false);
        check(r#"{"input":""}"#, "", false);
        check(r#"{"input":"\u0041\u00e9\ud83d\udd2d"}"#, "Aé🔭", false);
        check(r#"{"input":"\ud83d\ud83d\udd2d \udd2d\ud83d"}"#, "\u{fffd}🔭 \u{fffd}\u{fffd}", false);
    }

    #[test]
    fn arguments_of_another_form_are_read_whole() {
        check(r#"{"patch":"a\nb"}"#, "a\nb", false);
        check(r#"{"why":"so","input":"a\nb"}"#, "a\nb", true);
        check(r#"{"input":"a","why":"so"}"#, "a", true);
        for other in
            [r#"{"input":1}"#, r#"{"a":"b","c":"d"}"#, "{}", "[\"x\"]", "*** Begin Patch", "\"x\"", ""]
        {
            check(other, other, false);
        }
    }

    #[test]
    fn what_is_cut_or_spelled_wrongly_is_as_much_text_as_it_can_be() {
        check(r#"{"input":"half a li"#, "half a li", false);
        check("{\"input\":\"half\\", "half", false);
        check(r#"{"input":"half\u00e"#, "half", false);
        check(r#"{"inp"#, r#"{"inp"#, false);
        check("{\"input\":\"a\nb\\d\\u00zz\"}", "a\nb\\d\u{fffd}zz", false);
    }

    #[test]
    fn what_is_held_is_bounded() {
        let mut unwrap = Unwrap::default();
        let long = format!("{{\"patch\":\"{}", "x".repeat(MAX_HELD));
        assert_eq!(unwrap.push(&long), long);
        assert_eq!(unwrap.push("\"}"), "\"}");
        assert_eq!(unwrap.finish(), (String::new(), false));
    }
}
