//! Ids for calls that come without one: servers give calls ids only since 2025, and the SDKs drop them.

use crate::ir::Text;

/// The id of the `count`th call of a request (from 0), made up when it has none. Encoding counts the same way, so that a
/// made-up id can be told and is not sent.
pub(super) fn of_request(count: usize, name: &str) -> Text<'static> {
    format!("call_{count}_{name}").into()
}

/// The id of the `count`th tool result of a request whose call cannot be found.
pub(super) fn of_orphan(count: usize) -> Text<'static> {
    format!("result_{count}").into()
}

/// The id of a call in an answer. Each turn counts its calls from 0, but ids must differ over the whole conversation; what
/// differs between turns without a clock or dice is the answer's own time, which the server gives to the microsecond.
pub(super) fn of_answer(created_at: &str, count: u64, name: &str) -> Text<'static> {
    // FNV-1a: short, stable, and nobody gains from a collision in his own conversation.
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    let count = count.to_le_bytes();
    for byte in created_at.bytes().chain(*b"\0").chain(count).chain(name.bytes()) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("call_{hash:016x}").into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_differ_by_time_position_and_name() {
        let ids = [
            of_answer("2024-07-22T20:33:28.123648Z", 0, "f"),
            of_answer("2024-07-22T20:33:28.123649Z", 0, "f"),
            of_answer("2024-07-22T20:33:28.123648Z", 1, "f"),
            of_answer("2024-07-22T20:33:28.123648Z", 0, "g"),
        ];
        for (place, id) in ids.iter().enumerate() {
            assert!(!ids[..place].contains(id));
            assert_eq!(id.len(), 21);
        }
    }
}
