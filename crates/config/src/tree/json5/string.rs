//! Texts in quotes.

use super::{BREAKS, Fatal, Parser};

impl Parser<'_> {
    /// A text in quotes of that kind, which come next.
    pub(super) fn string(&mut self, quote: char) -> Result<String, Fatal> {
        let start = self.at;
        let mut text = String::new();
        self.at += 1;
        loop {
            let at = self.at;
            let Some(c) = self.next() else { return Err(self.unclosed(start)) };
            match c {
                _ if c == quote => return Ok(text),
                '\n' | '\r' => return Err(self.unclosed(start)),
                '\\' => text.extend(self.escape(at)?),
                _ => text.push(c),
            }
        }
    }

    fn next(&mut self) -> Option<char> {
        let c = self.peek()?;
        self.at += c.len_utf8();
        Some(c)
    }

    fn unclosed(&self, start: usize) -> Fatal {
        let hint = "close the quote; a line of a text that goes on in the next ends in `\\`";
        self.fault(start..start + 1, "a text that does not end on its line", Some(hint))
    }

    /// The character that an escape stands for; none for a line that goes on. Its `\` was at `start`.
    fn escape(&mut self, start: usize) -> Result<Option<char>, Fatal> {
        let Some(c) = self.next() else { return Ok(None) };
        Ok(Some(match c {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            '0' if !self.peek().is_some_and(|c| c.is_ascii_digit()) => '\0',
            '0'..='9' => return Err(self.bad_escape(start)),
            'x' => {
                let unit = self.hex(2, start)?;
                char::from_u32(unit).ok_or_else(|| self.bad_escape(start))?
            }
            'u' => self.unicode(start)?,
            '\r' => {
                self.take('\n');
                return Ok(None);
            }
            _ if BREAKS.contains(&c) => return Ok(None),
            _ => c,
        }))
    }

    /// The character of `\uXXXX`, or of two of them: behind the `u`.
    pub(super) fn unicode(&mut self, start: usize) -> Result<char, Fatal> {
        let mut unit = self.hex(4, start)?;
        if (0xd800..0xdc00).contains(&unit) && self.rest().starts_with("\\u") {
            self.at += 2;
            let low = self.hex(4, start)?;
            if !(0xdc00..0xe000).contains(&low) {
                return Err(self.bad_escape(start));
            }
            unit = 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00);
        }
        char::from_u32(unit).ok_or_else(|| self.bad_escape(start))
    }

    fn hex(&mut self, digits: usize, start: usize) -> Result<u32, Fatal> {
        let end = self.at + digits;
        let value =
            self.text.get(self.at..end).filter(|text| text.bytes().all(|byte| byte.is_ascii_hexdigit()));
        let value = value.and_then(|text| u32::from_str_radix(text, 16).ok());
        let value = value.ok_or_else(|| self.bad_escape(start))?;
        self.at = end;
        Ok(value)
    }

    fn bad_escape(&self, start: usize) -> Fatal {
        let hint = "a `\\` itself is written `\\\\`, a character by its number `\\u00e4`";
        self.fault(start..start + 1, "a `\\` with nothing that it can stand for", Some(hint))
    }
}
