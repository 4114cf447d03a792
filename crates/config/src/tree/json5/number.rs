//! Numbers, as the digits of a decimal one.

use super::{Fatal, Kind, Node, Parser, is_part, not_finite};

impl Parser<'_> {
    /// A number, whose text is written as JSON has it. What is no number that can be written so is reported, and left out.
    pub(super) fn number(&mut self) -> Result<Node, Fatal> {
        let start = self.at;
        let sign = match self.peek() {
            Some('-') => "-",
            _ => "",
        };
        self.at += usize::from(matches!(self.peek(), Some('+' | '-')));
        let unsigned = self.at;
        let length = self.rest().find(|c| !(is_part(c) || c == '.')).unwrap_or(self.rest().len());
        self.at += length;
        // The sign of an exponent is part of the number.
        let so_far = &self.text[unsigned..self.at];
        if so_far.ends_with(['e', 'E']) && !is_hex(so_far) && matches!(self.peek(), Some('+' | '-')) {
            self.at += 1;
            self.at += self.rest().find(|c: char| !c.is_ascii_digit()).unwrap_or(self.rest().len());
        }
        let written = &self.text[unsigned..self.at];
        if matches!(written, "Infinity" | "NaN") {
            let span = self.offsets.span(start..self.at);
            self.pieces.push(span);
            not_finite(self.findings, written, span);
            return Ok(Node { span, kind: Kind::Broken });
        }
        let Some(digits) = decimal(written) else {
            let hint = "a text stands in quotes, and a number has no `0` in front";
            return Err(self.fault(start..self.at, "a number that is none", Some(hint)));
        };
        let text = format!("{sign}{digits}");
        Ok(self.scalar(start, text, true))
    }
}

fn is_hex(text: &str) -> bool {
    text.starts_with("0x") || text.starts_with("0X")
}

/// A number without its sign in JSON's spelling: `.5` as `0.5`, `5.` as `5`, `0xff` as `255`. `None` if it is none, or one
/// of more than 128 bits.
fn decimal(written: &str) -> Option<String> {
    if is_hex(written) {
        let digits = written.get(2..).filter(|digits| !digits.starts_with('+'))?;
        return u128::from_str_radix(digits, 16).ok().map(|number| number.to_string());
    }
    let all_digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
    let (mantissa, exponent) = match written.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (written, None),
    };
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let is_number = !(whole.is_empty() && fraction.is_empty())
        && all_digits(whole)
        && all_digits(fraction)
        && (whole == "0" || !whole.starts_with('0'));
    let exponent = match exponent {
        None => String::new(),
        Some(power) => {
            let digits = power.strip_prefix(['+', '-']).unwrap_or(power);
            if digits.is_empty() || !all_digits(digits) {
                return None;
            }
            format!("e{power}")
        }
    };
    let whole = if whole.is_empty() { "0" } else { whole };
    let fraction = if fraction.is_empty() { String::new() } else { format!(".{fraction}") };
    is_number.then(|| format!("{whole}{fraction}{exponent}"))
}

#[cfg(test)]
mod tests {
    use super::decimal;

    #[test]
    fn numbers_are_spelled_as_json_has_them() {
        let rows = [
            ("0", Some("0")),
            ("12", Some("12")),
            (".5", Some("0.5")),
            ("5.", Some("5")),
            ("0x1F", Some("31")),
            ("1e-3", Some("1e-3")),
            ("1.5E+3", Some("1.5e+3")),
            ("012", None),
            (".", None),
            ("1e", None),
            ("0x", None),
            ("0x+1", None),
            ("1.2.3", None),
            ("12ab", None),
        ];
        for (written, expected) in rows {
            assert_eq!(decimal(written).as_deref(), expected, "{written}");
        }
    }
}
