//! What a key spent in the minute in which it was made: sums are kept by the minute, and somebody else may have had its name
//! in the same one.

use lockgate_store::sqlite::{DatabaseError, Filter, Queries};

use super::restore::MINUTE_MS;
use crate::budgets::Spent;

/// Calls that are looked at at once.
const PAGE: usize = 1_000;

/// What the calls of the key of that name cost that began at `since_ms` or later and ended in the same minute. Where not all
/// calls of the minute are in the list any more, all of them count.
///
/// # Errors
/// When the database cannot be read.
pub(super) fn first_minute(queries: &Queries, name: &str, since_ms: u64) -> Result<Spent, DatabaseError> {
    let from_ms = since_ms / MINUTE_MS * MINUTE_MS;
    let until_ms = from_ms + MINUTE_MS;
    let filter = Filter {
        from_ms: Some(from_ms),
        until_ms: Some(until_ms),
        key: Some(name.to_owned()),
        ..Filter::default()
    };
    let (mut own, mut listed, mut before) = (Spent::default(), 0_u64, None);
    loop {
        let page = queries.calls(&filter, before, PAGE)?;
        for call in &page.calls {
            listed += 1;
            if call.started_ms >= since_ms {
                let tokens = [call.input, call.cache_read, call.cache_write, call.output];
                let tokens = tokens.into_iter().flatten().fold(0, u64::saturating_add);
                own = own.and(Spent { money: call.cost.unwrap_or_default(), tokens });
            }
        }
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    let [all, later] = [queries.spent(name, from_ms)?, queries.spent(name, until_ms)?];
    if all.requests.saturating_sub(later.requests) <= listed {
        return Ok(own);
    }
    Ok(Spent { money: all.cost.saturating_sub(later.cost), tokens: all.tokens.saturating_sub(later.tokens) })
}
