//! A list's figures, which are decimal numbers of dollars for one token, as whole micro-dollars for a million.

/// Dollars for a token times this is micro-dollars for a million tokens: ten to the power of it.
const SHIFT: i64 = 12;
/// More digits than any price has.
const MOST_DIGITS: usize = 30;

/// The figure that a JSON number stands for, rounded to the nearest; what is lost is the noise of floating point, as in
/// `3.0000000000000004e-07`. `None` for what is negative, no number, or out of reach.
pub(crate) fn micros_per_million(number: &str) -> Option<u64> {
    let (mantissa, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let digits = [whole, fraction].concat();
    if digits.len() > MOST_DIGITS || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let digits: u128 = digits.parse().ok()?;
    let places = i64::try_from(fraction.len()).ok()?;
    let power = exponent.parse::<i64>().ok()?.checked_add(SHIFT)?.checked_sub(places)?;
    let factor = |power: i64| 10_u128.checked_pow(u32::try_from(power).ok()?);
    let figure = match power {
        0.. => digits.checked_mul(factor(power)?)?,
        // Too small a number for the factor to be held is nothing.
        _ => factor(-power).map_or(0, |factor| (digits + factor / 2) / factor),
    };
    u64::try_from(figure).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(number: &str, figure: Option<u64>) {
        assert_eq!(micros_per_million(number), figure, "{number}");
    }

    #[test]
    fn figures_are_exact() {
        check("2.5e-06", Some(2_500_000));
        check("1e-05", Some(10_000_000));
        check("0.00015", Some(150_000_000));
        check("3.75E-8", Some(37_500));
        check("5.46875e-07", Some(546_875));
        check("0", Some(0));
        check("0.0", Some(0));
    }

    #[test]
    fn the_noise_of_floating_point_is_rounded_away() {
        check("3.0000000000000004e-07", Some(300_000));
        check("2.9999999999999997e-07", Some(300_000));
        check("1e-40", Some(0));
        check("1e-60", Some(0));
    }

    #[test]
    fn what_is_no_figure_is_none() {
        for number in ["-1e-06", "null", "\"1\"", "1e99", "", "1e", "1e-99999999999999999999"] {
            check(number, None);
        }
    }
}
