//! One row of the `model_list`: a model at a service, with its key.

use super::params::{Params, Shared, seconds};
use super::settings::Settings;
use super::variables::Variables;
use super::words::{self, WORDS, Word};
use crate::foreign::common::kind_at;
use crate::foreign::section::{Section, Text, text};
use crate::foreign::table::{Table, verbatim, written};
use crate::reading::Reading;
use crate::span::Span;
use crate::tree::Node;

/// One row.
pub(super) struct Deployment<'n> {
    /// The name that clients ask for.
    pub(super) group: Text<'n>,
    pub(super) path: String,
    pub(super) span: Span,
    pub(super) kind: &'static str,
    /// The model as its provider knows it.
    pub(super) upstream: String,
    /// Where the model is written.
    pub(super) model_span: Span,
    /// The place, without what is the credential's.
    pub(super) place: Table,
    /// The credential.
    pub(super) credential: Table,
    /// Its limits are its own, so that no other row may share its credential.
    pub(super) has_limits: bool,
    pub(super) weight: Option<(i64, Span)>,
    pub(super) rpm: Option<i64>,
    pub(super) tpm: Option<i64>,
    pub(super) order: i64,
    /// How long an answer may take, in seconds.
    pub(super) timeout: Option<(f64, Span)>,
    pub(super) price: Option<Node>,
    /// Fields that requests get that have none.
    pub(super) fields: Option<Node>,
}

impl<'n> Deployment<'n> {
    /// `None` if it cannot be said what it is, which is reported.
    pub(super) fn of(
        path: &str,
        node: &'n Node,
        shared: &Shared<'n>,
        settings: &Settings,
        variables: &mut Variables<'n>,
        reading: &mut Reading<'_>,
    ) -> Option<Self> {
        let mut row = Section::of(node, path, reading);
        let span = row.span;
        let group = row.text("model_name", reading);
        if group.is_none() && !row.has("model_name") {
            let message = format!("`{path}` has no `model_name`");
            reading.findings.report(span, path, message, None);
        }
        let own = row.part("litellm_params", reading);
        let mut params = Params::of(own, shared, reading);
        let model = params.text("model", reading);
        if model.is_none() {
            let at = params.own.at("model");
            let message = format!("`{path}` has no `litellm_params.model`");
            reading.findings.report(params.own.span, &at, message, None);
        }
        let info = row.section("model_info", reading);
        let (group, model) = (group?, model?);

        let base =
            ["api_base", "base_url", "aws_bedrock_runtime_endpoint"].map(|key| params.text(key, reading));
        let base = base.into_iter().flatten().next();
        let custom = params.text("custom_llm_provider", reading);
        let service = service(
            model,
            custom.map(|custom| custom.text),
            base.and_then(|base| variables.known(base)),
            &params.own.at("model"),
            reading,
        )?;
        let place = place(&service, base, &mut params, variables, reading);
        let mut credential = proof(&service, &mut params, &place, variables, reading);
        let limits = limits(&mut params, settings, &mut credential, reading);
        let order = params.own.number("order", reading);
        if let Some((order, at)) = order {
            let comment = "A lower `order` goes first there, a higher priority here.";
            credential.put_chosen("priority", written(at, order.saturating_neg().to_string()), comment);
        }
        let weight = params.own.number("weight", reading);
        let timeout = params.time("timeout", reading).or(params.time("request_timeout", reading));
        let price = price(&mut params, info, reading);
        let fields = fields(service.kind, &mut params, reading);
        for (key, why) in words::PARAMS {
            params.own.meaningless(key, why, reading);
        }
        params.close(reading);
        row.close(reading);
        Some(Self {
            group,
            path: path.to_owned(),
            span,
            kind: service.kind,
            upstream: service.upstream,
            model_span: model.span,
            place,
            credential,
            has_limits: limits.has_any,
            weight,
            rpm: limits.rpm,
            tpm: limits.tpm,
            order: order.map_or(0, |(order, _)| order),
            timeout,
            price,
            fields,
        })
    }

    /// Where it stands in a message.
    pub(super) fn model_path(&self) -> String {
        format!("{}.litellm_params.model", self.path)
    }
}

/// What a model's name says.
struct Service {
    kind: &'static str,
    word: Option<&'static Word>,
    upstream: String,
    is_responses: bool,
}

/// Reads `service/model`, or the model of a known family.
fn service(
    model: Text<'_>,
    custom: Option<&str>,
    base: Option<&str>,
    path: &str,
    reading: &mut Reading<'_>,
) -> Option<Service> {
    let known = |name: &str| {
        let word = WORDS.iter().find(|word| word.word == name);
        let kind = word.map(|word| word.kind).or_else(|| Some(lockgate_provider::find(name)?.name()));
        kind.map(|kind| (kind, word))
    };
    let split =
        model.text.split_once('/').filter(|(service, _)| custom.is_none_or(|custom| custom == *service));
    let by_name = split.and_then(|(service, rest)| Some((service, known(service)?, rest)));
    let family =
        || words::FAMILIES.iter().find(|(start, _)| model.text.starts_with(start)).map(|(_, name)| *name);
    let (service, (kind, word), rest) = match (by_name, custom) {
        (Some(found), _) => found,
        (None, Some(custom)) if known(custom).is_some() => (custom, known(custom)?, model.text),
        (None, None) if model.text == "*" => ("", (words::COMPATIBLE, None), "*"),
        (None, None) if family().is_some() => (family()?, known(family()?)?, model.text),
        (None, _) if base.is_some() => ("", (words::COMPATIBLE, None), model.text),
        _ => {
            reading.findings.may_quote(model.span);
            let message = format!("`{path}` names no service that is known here");
            let hint = "one in OpenAI's dialect is written `openai/...` with its `api_base`".to_owned();
            reading.findings.report(model.span, path, message, Some(hint));
            return None;
        }
    };
    // A service in OpenAI's dialect is what its address says.
    let kind = match base {
        Some(base) if kind == words::COMPATIBLE || service == words::OPEN => kind_at(base),
        _ => kind,
    };
    let rest = words::ROUTES
        .iter()
        .filter(|(of, _)| *of == service)
        .find_map(|(_, route)| rest.strip_prefix(route))
        .unwrap_or(rest);
    let responses = rest.strip_prefix(words::RESPONSES);
    Some(Service {
        kind,
        word,
        upstream: responses.unwrap_or(rest).to_owned(),
        is_responses: responses.is_some(),
    })
}

/// Where the service is, and what all its requests have in common.
fn place(
    service: &Service,
    base: Option<Text<'_>>,
    params: &mut Params<'_>,
    variables: &mut Variables<'_>,
    reading: &mut Reading<'_>,
) -> Table {
    const TEXTS: [(&str, &str); 5] = [
        ("aws_region_name", "region"),
        ("vertex_location", "region"),
        ("vertex_ai_location", "region"),
        ("vertex_project", "project"),
        ("vertex_ai_project", "project"),
    ];
    let span = params.own.span;
    let mut own = Table::at(span);
    own.put("kind", written(span, service.kind));
    let mut usual = service.word.map_or(&[][..], |word| word.addresses).iter();
    match base {
        Some(base) => own.put("base_url", variables.value(base)),
        None => {
            let set = usual.find(|name| variables.is_set(name, reading));
            own.put_some("base_url", set.map(|name| variables.referred(span, name)));
        }
    }
    let environment = lockgate_provider::find(service.kind).and_then(|kind| kind.environment());
    if environment.is_some_and(|usual| usual.api_version.is_some()) {
        let version = params.text("api_version", reading);
        own.put_some("api_version", version.map(|version| variables.value(version)));
    } else {
        params.own.meaningless("api_version", "this service is asked without one", reading);
    }
    for (key, ours) in TEXTS {
        if let Some(text) = params.text(key, reading).filter(|_| !own.has(ours)) {
            own.put(ours, variables.value(text));
        }
    }
    if service.is_responses {
        own.put("wire_api", written(span, "responses"));
    }
    own.put_some("headers", headers(params, variables, reading));
    own
}

fn headers(
    params: &mut Params<'_>,
    variables: &mut Variables<'_>,
    reading: &mut Reading<'_>,
) -> Option<Node> {
    let mut own = Table::at(params.own.span);
    if let Some(organization) = params.text("organization", reading) {
        own.put("openai-organization", variables.value(organization));
    }
    for key in ["extra_headers", "headers", "default_headers"] {
        let Some(mut section) = params.own.section(key, reading) else { continue };
        for (path, entry) in section.named() {
            if let Some(value) = text(&entry.value, &path, reading) {
                own.put(&entry.key.to_ascii_lowercase(), variables.value(value));
            }
        }
    }
    own.some()
}

/// The credential, with what proves who asks: a key, an account, or the variable that is usually looked at.
fn proof(
    service: &Service,
    params: &mut Params<'_>,
    place: &Table,
    variables: &mut Variables<'_>,
    reading: &mut Reading<'_>,
) -> Table {
    const ACCOUNT: [(&str, &str); 10] = [
        ("aws_access_key_id", "access_key_id"),
        ("aws_secret_access_key", "secret_access_key"),
        ("aws_session_token", "session_token"),
        ("aws_profile_name", "profile"),
        ("aws_role_name", "role_arn"),
        ("aws_web_identity_token", "web_identity_token_file"),
        ("vertex_credentials", "file"),
        ("tenant_id", "tenant_id"),
        ("client_id", "client_id"),
        ("client_secret", "client_secret"),
    ];
    let span = params.own.span;
    let kind = lockgate_provider::find(service.kind);
    let key = params.text("api_key", reading);
    let mut own = Table::at(span);
    let mut auth = Table::at(span);
    for (theirs, ours) in ACCOUNT {
        let text = params.text(theirs, reading);
        auth.put_some(ours, text.map(|text| variables.value(text)));
    }
    match (key, auth.some()) {
        (Some(key), None) => own.put("api_key", variables.value(key)),
        (_, Some(auth)) => own.put("auth", auth),
        (None, None) => {
            let word = service.word.map_or(&[][..], |word| word.keys);
            let mut names: Vec<&str> = word.to_vec();
            names.extend(kind.and_then(|kind| kind.key_variable()));
            // An account of a cloud is found where its own tools find it.
            let has_places = service.word.is_some_and(|word| word.keys.is_empty());
            let may_be_unset =
                has_places || place.has("headers") || !kind.is_some_and(|kind| kind.needs_key());
            let set = names.iter().position(|name| variables.is_set(name, reading));
            let name = match set {
                Some(set) => Some(names.swap_remove(set)),
                None if may_be_unset => None,
                None => names.first().copied(),
            };
            own.put_some("api_key", name.map(|name| variables.referred(span, name)));
        }
    }
    own
}

/// What a row is asked for at most.
struct Limits {
    rpm: Option<i64>,
    tpm: Option<i64>,
    has_any: bool,
}

fn limits(
    params: &mut Params<'_>,
    settings: &Settings,
    own: &mut Table,
    reading: &mut Reading<'_>,
) -> Limits {
    let mut limits = Limits { rpm: None, tpm: None, has_any: false };
    for key in ["rpm", "tpm"] {
        let Some((most, span)) = params.count(key, reading) else { continue };
        own.put(key, written(span, most.to_string()));
        *if key == "rpm" { &mut limits.rpm } else { &mut limits.tpm } = Some(most);
        limits.has_any = true;
    }
    if let Some((most, span)) = params.time("stream_timeout", reading) {
        let mut timeouts = Table::at(span);
        timeouts.put("first_byte", written(span, seconds(most)));
        timeouts.put("stall", written(span, seconds(most)));
        own.put("timeouts", timeouts.node());
    }
    let at_once = params.count("max_parallel_requests", reading).or(settings.at_once);
    if let Some((most, span)) = at_once {
        own.put("max_concurrent", written(span, most.to_string()));
        limits.has_any = true;
    }
    limits
}

/// What a million tokens cost, where a token's costs are written.
fn price(params: &mut Params<'_>, info: Option<Section<'_>>, reading: &mut Reading<'_>) -> Option<Node> {
    const COSTS: [(&str, &str); 4] = [
        ("input_cost_per_token", "input"),
        ("output_cost_per_token", "output"),
        ("cache_read_input_token_cost", "cache_read"),
        ("cache_creation_input_token_cost", "cache_write"),
    ];
    let mut info = info;
    let span = params.own.span;
    let mut own = Table::at(span);
    for (theirs, ours) in COSTS {
        let of_row = params.own.amount(theirs, reading);
        let of_info = info.as_mut().and_then(|info| info.amount(theirs, reading));
        if let Some((cost, span)) = of_row.or(of_info).filter(|(cost, _)| *cost >= 0.0) {
            own.put(ours, written(span, dollars(cost)));
        }
    }
    if let Some(mut info) = info {
        for (key, why) in words::INFO {
            info.meaningless(key, why, reading);
        }
        info.close(reading);
    }
    for side in ["input", "output"] {
        if !own.is_empty() && !own.has(side) {
            own.put(side, written(span, "0"));
        }
    }
    own.some()
}

/// Dollars for a million tokens, of those for one.
fn dollars(cost: f64) -> String {
    let text = format!("{:.6}", cost * 1_000_000.0);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

/// Fields that requests get that have none: those of the dialect that the service is asked in.
fn fields(kind: &str, params: &mut Params<'_>, reading: &mut Reading<'_>) -> Option<Node> {
    let speaks = lockgate_provider::find(kind)
        .is_some_and(|kind| kind.speaks().first() == Some(&words::FIELDS_DIALECT));
    let mut own = Table::at(params.own.span);
    for key in words::FIELDS {
        if !speaks {
            let why = "this service is asked in a dialect of its own: put it under `rules`";
            params.own.meaningless(key, why, reading);
        } else if let Some(node) = params.own.node(key) {
            own.put(key, verbatim(node));
        }
    }
    if speaks && let Some(mut body) = params.own.section("extra_body", reading) {
        for (_, entry) in body.named() {
            own.put(&entry.key.replace('.', "\\."), verbatim(&entry.value));
        }
    }
    own.some()
}
