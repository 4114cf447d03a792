//! Rows whose names are patterns: whole services under a name of their own, or models by how they are called.

use super::deployment::Deployment;
use super::places::Places;
use super::variables::Variables;
use crate::foreign::table::{Table, list, literal, written};
use crate::reading::Reading;

/// Makes providers of the rows whose names are patterns, and takes them out of the list.
pub(super) fn place(
    deployments: &mut Vec<Deployment<'_>>,
    places: &mut Places,
    variables: &mut Variables<'_>,
    reading: &mut Reading<'_>,
) {
    let (patterns, plain): (Vec<_>, Vec<_>) =
        std::mem::take(deployments).into_iter().partition(|row| row.group.text.contains('*'));
    *deployments = plain;
    let mut done: Vec<&str> = Vec::new();
    for row in &patterns {
        let name = row.group.text;
        if done.contains(&name) {
            continue;
        }
        done.push(name);
        let rows: Vec<&Deployment<'_>> = patterns.iter().filter(|other| other.group.text == name).collect();
        match name.strip_suffix("/*").filter(|service| !service.contains('*')) {
            Some(service) => whole_service(service, &rows, places, reading),
            None => rows.iter().for_each(|row| by_name(row, places, variables, reading)),
        }
    }
}

/// `service/*`: the service by that name.
fn whole_service(service: &str, rows: &[&Deployment<'_>], places: &mut Places, reading: &mut Reading<'_>) {
    let mut usable = Vec::new();
    for row in rows {
        match row.upstream.strip_suffix('*') {
            Some("") => usable.push(*row),
            _ => note(row, reading),
        }
    }
    let Some(first) = usable.first() else { return };
    let identity = |row: &Deployment<'_>| crate::emit::yaml(&row.place.clone().node());
    if usable.iter().all(|row| identity(row) == identity(first)) {
        let credentials: Vec<Table> = usable.iter().map(|row| row.credential.clone()).collect();
        if places.named(service, &first.place, &credentials, first.span).is_some() {
            return;
        }
    }
    // Several places go by one name as a prefix, which then is nobody's name.
    places.take(service);
    for row in usable {
        let mut place = row.place.clone();
        place.put("prefix", literal(row.group.span, service));
        place.put("force_prefix", written(row.group.span, "true"));
        places.of(row, &place);
    }
}

/// `claude-*` or `*`: models by their own names.
fn by_name(
    row: &Deployment<'_>,
    places: &mut Places,
    variables: &mut Variables<'_>,
    reading: &mut Reading<'_>,
) {
    let (name, span) = (row.group.text, row.group.span);
    if name == "*"
        && row.upstream == "*"
        && !row.place.has("base_url")
        && row.kind == super::words::COMPATIBLE
    {
        return anybody(row, places, variables, reading);
    }
    if row.upstream != name && row.upstream != "*" {
        return note(row, reading);
    }
    let mut place = row.place.clone();
    place.put("models", list(span, vec![literal(span, name)]));
    places.of(row, &place);
}

/// `*` for `*`: every service whose key a variable holds.
fn anybody(
    row: &Deployment<'_>,
    places: &mut Places,
    variables: &mut Variables<'_>,
    reading: &mut Reading<'_>,
) {
    let mut has_any = false;
    for usual in lockgate_provider::environment() {
        if !variables.is_set(usual.api_key, reading) {
            continue;
        }
        has_any = true;
        let mut place = Table::at(row.span);
        let comment = "Any model of any service was meant: this one has its key in a variable.";
        place.put_chosen("kind", written(row.span, usual.kind), comment);
        if let Some(name) = usual.base_url.filter(|name| variables.is_set(name, reading)) {
            place.put("base_url", variables.referred(row.span, name));
        }
        let mut credential = Table::at(row.span);
        credential.put("api_key", variables.referred(row.span, usual.api_key));
        places.named(usual.kind, &place, &[credential], row.span);
    }
    if !has_any {
        let path = row.model_path();
        let message = format!("`{path}` means every service whose key a variable holds, and none does");
        let hint = "set one such as `OPENAI_API_KEY`, or name the service: `openai/*`".to_owned();
        reading.findings.report(row.model_span, &path, message, Some(hint));
    }
}

fn note(row: &Deployment<'_>, reading: &mut Reading<'_>) {
    let why = "has no meaning here: a pattern stands for the same names at the service; it is left out";
    reading.note(row.model_span, &row.model_path(), why);
}
