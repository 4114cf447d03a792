//! What was used: by whom, of what, over time.

use std::{collections::BTreeMap, time::Duration};

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use lockgate_store::sqlite::{By, Group, MOST_GROUPS, Used, Wanted};

use super::{
    Refusal, Sums, Usage, UsageRow,
    calls::{DEPLOYMENT, KEY, MODEL, TAG},
    query::{Kind, Query, listed, may, nearest, shown},
    requests::{blocking, no_journal},
    table::{Ask, Row, Said},
    words,
};
use crate::clock;

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;
/// For how long minutes are kept, short of what the database keeps: its clock is that of the latest call.
const FINE_MS: u64 = 47 * HOUR_MS;
/// Rows on a page that says nothing else, and at most.
const PAGE: u64 = 1000;
const LONGEST_PAGE: u64 = 10_000;

/// What sums can be told apart by, beside time; the last one has a name behind it.
const DIMENSIONS: &[&str] = &["key", "model", "deployment", "tag:NAME"];

pub(super) const ROWS: &[Row] = &[Row::new::<Usage>(
    Method::GET,
    "/admin/v1/usage",
    "Calls, errors, tokens and cost, by any of key, model, deployment and tags, over time.",
    |ask| Box::pin(async move { Ok(Said::json(&usage(&ask).await?)) }),
)
.asked(&[
    may("by", Kind::Text, "any of `key`, `model`, `deployment` and `tag:NAME`, with commas between"),
    may(
        "step",
        Kind::OneOf(&["minute", "hour", "day"]),
        "tells times apart; minutes are those of the last two days",
    ),
    may(
        "from",
        Kind::Moment,
        "from when on; by default an hour ago for minutes, 30 days for days, else 24 hours",
    ),
    may("to", Kind::Moment, "up to when; by default now"),
    KEY,
    MODEL,
    DEPLOYMENT,
    TAG,
    may("limit", Kind::Count(1, LONGEST_PAGE), "most rows on the page, 1000 by default"),
    may("after", Kind::Text, "goes on behind another page: its `next`"),
])];

/// How far apart times are told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Step {
    Minute,
    Hour,
    Day,
}

impl Step {
    fn of(query: &Query) -> Option<Self> {
        match query.get("step")? {
            "minute" => Some(Self::Minute),
            "hour" => Some(Self::Hour),
            _ => Some(Self::Day),
        }
    }

    fn by(self) -> By {
        match self {
            Self::Minute => By::Minute,
            Self::Hour => By::Hour,
            Self::Day => By::Day,
        }
    }

    fn ms(self) -> u64 {
        match self {
            Self::Minute => MINUTE_MS,
            Self::Hour => HOUR_MS,
            Self::Day => DAY_MS,
        }
    }
}

/// What is asked, understood.
struct Question {
    wanted: Wanted,
    step: Option<Step>,
    /// The dimensions as they were asked for.
    names: Vec<String>,
    by: Vec<By>,
    after: Option<Vec<String>>,
    limit: usize,
}

async fn usage(ask: &Ask) -> Result<Usage, Refusal> {
    let question = Question::of(&ask.query, clock::wall_ms())?;
    let queries = ask.setup.gateway.store.queries().cloned().ok_or_else(no_journal)?;
    let (wanted, by) = (question.wanted.clone(), question.by.clone());
    let groups = blocking(&ask.setup, move || queries.usage_of(&wanted, &by)).await?;
    if groups.len() >= MOST_GROUPS {
        return Err(Refusal::bad(format!(
            "that is more than {MOST_GROUPS} rows: ask for a shorter time, a longer `step` or less in `by`"
        )));
    }
    Ok(question.answer(&groups))
}

impl Question {
    fn of(query: &Query, now: u64) -> Result<Self, Refusal> {
        let step = Step::of(query);
        let names: Vec<String> = query
            .get("by")
            .map(|by| by.split(',').map(|name| name.trim().to_owned()).collect())
            .unwrap_or_default();
        let mut by: Vec<By> = step.map(Step::by).into_iter().collect();
        for name in &names {
            let dimension = dimension(name)?;
            if by.contains(&dimension) {
                return Err(Refusal::bad(format!("`by` names `{}` twice", shown(name))));
            }
            by.push(dimension);
        }
        let ago = match step {
            Some(Step::Minute) => HOUR_MS,
            Some(Step::Day) => 30 * DAY_MS,
            Some(Step::Hour) | None => DAY_MS,
        };
        let to = query.moment("to").unwrap_or(now);
        let from = query.moment("from").unwrap_or(to.saturating_sub(ago));
        if from >= to {
            return Err(Refusal::bad("`from` is not before `to`"));
        }
        let is_recent = from.saturating_add(FINE_MS) >= now;
        if step == Some(Step::Minute) && !is_recent {
            return Err(Refusal::bad(
                "minutes are kept for two days: ask `from` a later time, or for `step=hour`",
            ));
        }
        // Whole hours are quicker, and kept for good.
        let is_fine = is_recent && (step == Some(Step::Minute) || !from.is_multiple_of(HOUR_MS));
        let text = |name: &str| query.get(name).map(str::to_owned);
        let wanted = Wanted {
            from_ms: from,
            until_ms: to - 1,
            key: text(KEY.name),
            model: text(MODEL.name),
            deployment: text(DEPLOYMENT.name),
            tag: text(TAG.name),
            is_fine,
        };
        let after = query.get("after").map(|after| cursor(after, by.len())).transpose()?;
        let limit = usize::try_from(query.count("limit").unwrap_or(PAGE)).unwrap_or(usize::MAX);
        Ok(Self { wanted, step, names, by, after, limit })
    }

    fn answer(&self, groups: &[Group]) -> Usage {
        let unit = if self.wanted.is_fine { MINUTE_MS } else { HOUR_MS };
        let moment = |ms: u64| words::at(Duration::from_millis(ms)).unwrap_or_default();
        let total = groups.iter().fold(Used::default(), |sums, group| sums.and(group.used));
        let place = |after: &Vec<String>| groups.iter().position(|group| group.order() > order(after));
        let start = self.after.as_ref().map_or(0, |after| place(after).unwrap_or(groups.len()));
        let page = &groups[start..groups.len().min(start.saturating_add(self.limit))];
        let is_end = start + page.len() >= groups.len();
        let next = page.last().filter(|_| !is_end).map(|last| {
            // A list of texts is always JSON.
            URL_SAFE_NO_PAD.encode(serde_json::to_vec(&last.of).unwrap_or_default())
        });
        Usage {
            from: moment(self.wanted.from_ms / unit * unit),
            to: moment((self.wanted.until_ms / unit).saturating_add(1).saturating_mul(unit)),
            step: self.step.map(|step| format!("{step:?}").to_lowercase()),
            by: self.names.clone(),
            rows: page.iter().map(|group| self.row(group)).collect(),
            total: sums(&total),
            next,
        }
    }

    fn row(&self, group: &Group) -> UsageRow {
        let (at, of) = group.of.split_at(usize::from(self.step.is_some()));
        let at = self.step.zip(at.first()).and_then(|(step, number)| {
            words::at(Duration::from_millis(number.parse::<u64>().ok()?.saturating_mul(step.ms())))
        });
        let of: BTreeMap<String, String> = self.names.iter().cloned().zip(of.iter().cloned()).collect();
        UsageRow { at, of, sums: sums(&group.used) }
    }
}

fn order(of: &[String]) -> Vec<(u64, String)> {
    Group { of: of.to_vec(), used: Used::default() }.order()
}

fn dimension(name: &str) -> Result<By, Refusal> {
    match name {
        "key" => Ok(By::Key),
        "model" => Ok(By::Model),
        "deployment" => Ok(By::Deployment),
        _ => match name.strip_prefix("tag:").filter(|tag| !tag.is_empty()) {
            Some(tag) => Ok(By::Tag(tag.to_owned())),
            None => {
                let words = || DIMENSIONS.iter().copied();
                let meant = nearest(name, words()).map(|near| format!(": did you mean `{near}`?"));
                Err(Refusal::bad(format!(
                    "`by={}` cannot be: `by` takes any of {}{}",
                    shown(name),
                    listed(words()),
                    meant.unwrap_or_default()
                )))
            }
        },
    }
}

/// Behind which row a page goes on.
fn cursor(text: &str, columns: usize) -> Result<Vec<String>, Refusal> {
    let of =
        URL_SAFE_NO_PAD.decode(text).ok().and_then(|json| serde_json::from_slice::<Vec<String>>(&json).ok());
    of.filter(|of| of.len() == columns)
        .ok_or_else(|| Refusal::bad("`after` is what a page of the same question has for `next`"))
}

fn sums(used: &Used) -> Sums {
    let mean = |micros: u64, count: u64| (count > 0).then(|| micros as f64 / count as f64 / 1e3);
    Sums {
        calls: used.requests,
        errors: used.errors,
        estimated: used.estimated,
        unpriced: used.unpriced,
        input: used.input,
        cache_read: used.cache_read,
        cache_write: used.cache_write,
        output: used.output,
        reasoning: used.reasoning,
        cost_micro_usd: used.cost,
        mean_ms: mean(used.micros, used.requests),
        mean_first_token_ms: mean(used.first_token_micros, used.first_tokens),
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    const NOW: u64 = 100 * DAY_MS + 5 * HOUR_MS + 7 * MINUTE_MS + 3;

    fn ask(query: &str) -> Result<Question, String> {
        let now = SystemTime::UNIX_EPOCH + Duration::from_millis(NOW);
        let query = Query::read(query, ROWS[0].query, "/x", now).map_err(|refusal| refusal.error.message)?;
        Question::of(&query, NOW).map_err(|refusal| refusal.error.message)
    }

    #[test]
    fn times_are_those_that_are_counted() {
        for (query, from, to, is_fine) in [
            ("", NOW - DAY_MS, NOW, true),
            ("step=minute", NOW - HOUR_MS, NOW, true),
            ("step=day", NOW - 30 * DAY_MS, NOW, false),
            ("from=1970-04-10T03:00:00Z", 99 * DAY_MS + 3 * HOUR_MS, NOW, false),
            ("from=7h&to=6h", NOW - 7 * HOUR_MS, NOW - 6 * HOUR_MS, true),
        ] {
            let wanted = ask(query).unwrap_or_else(|error| panic!("{query}: {error}")).wanted;
            assert_eq!((wanted.from_ms, wanted.until_ms + 1, wanted.is_fine), (from, to, is_fine), "{query}");
        }
    }

    #[test]
    fn what_cannot_be_is_named() {
        for (query, words) in [
            ("by=keys", "did you mean `key`?"),
            ("by=key,tag:", "`by=tag:` cannot be"),
            ("by=key,key", "names `key` twice"),
            ("step=minute&from=3d", "minutes are kept for two days"),
            ("from=1h&to=2h", "`from` is not before `to`"),
            ("after=x", "`after` is what a page"),
            ("by=key&after=WyJhIiwiYiJd", "`after` is what a page"),
            ("step=week", "is one of `minute`, `hour`, `day`"),
        ] {
            let said = ask(query).err().unwrap_or_default();
            assert!(said.contains(words), "{query}: {said}");
        }
    }

    #[test]
    fn pages_are_all_rows_once() {
        let group = |hour: u64, key: &str| Group {
            of: vec![hour.to_string(), key.to_owned()],
            used: Used { requests: 1, ..Used::default() },
        };
        let groups: Vec<_> =
            [9, 10].iter().flat_map(|hour| ["", "a", "b"].map(|key| group(*hour, key))).collect();
        let (mut seen, mut after) = (Vec::new(), String::new());
        for _ in 0..4 {
            let said = ask(&format!("by=key&step=hour&limit=2{after}")).unwrap().answer(&groups);
            assert_eq!(said.total.calls, 6);
            seen.extend(said.rows.iter().map(|row| (row.at.clone().unwrap(), row.of["key"].clone())));
            let Some(next) = said.next else { break };
            after = format!("&after={next}");
        }
        assert_eq!(seen.len(), 6);
        assert_eq!(seen[3], ("1970-01-01T10:00:00.000Z".to_owned(), String::new()));
        assert!(seen.windows(2).all(|pair| pair[0] < pair[1]));
    }
}
