//! From a path to what it asks for, along the tables of the dialects.

use http::Method;
use lockgate_protocol::{
    dialect::{Dialect, Operation},
    dialects::{DEFAULT, DIALECTS},
    envelope::check_model,
    ir::{Fault, FaultKind},
};
use percent_encoding::percent_decode_str;

/// Where a path leads.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Route<'p> {
    /// The gateway answers itself.
    Local(Local<'p>),
    /// A provider answers.
    Call(Called<'p>),
}

/// What the gateway answers itself.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Local<'p> {
    /// `/`
    Root,
    /// `/health`
    Health,
    /// `/health/live`
    Live,
    /// `/health/ready`
    Ready,
    /// What a server of a dialect says of its models or itself.
    Of(&'static dyn Dialect, Said<'p>),
}

/// What a server of a dialect says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Said<'p> {
    /// The list of models.
    Models,
    /// One model, by its name as it stands in the path.
    Model(&'p str),
    /// Something about itself, at this tail.
    About(&'p str),
}

/// A call to a provider, as far as its path tells.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Called<'p> {
    pub(crate) dialect: &'static dyn Dialect,
    pub(crate) operation: Operation,
    /// The path behind the version segment.
    pub(crate) tail: &'p str,
    /// The model, where the path names it: as it stands there, and from which byte of the tail on.
    pub(crate) model: Option<(&'p str, usize)>,
    /// Whether the path asks for a stream, in dialects that ask there.
    pub(crate) stream: Option<bool>,
}

impl<'p> Called<'p> {
    /// A path that no dialect claims.
    fn other(tail: &'p str) -> Self {
        Self { dialect: DEFAULT, operation: Operation::Other, tail, model: None, stream: None }
    }
}

/// The version segment of paths that no dialect claims.
const VERSION: &str = "/v1";

/// Finds the route of `path`. Where several dialects have the same path, `claims` says whose the request is.
pub(crate) fn find<'p>(
    method: &Method,
    path: &'p str,
    claims: &dyn Fn(&dyn Dialect) -> bool,
) -> Result<Route<'p>, Fault> {
    let local = match path {
        "/" => Some(Local::Root),
        "/health" => Some(Local::Health),
        "/health/live" => Some(Local::Live),
        "/health/ready" => Some(Local::Ready),
        _ => None,
    };
    if let Some(local) = local {
        return match *method {
            Method::GET | Method::HEAD => Ok(Route::Local(local)),
            _ => Err(wrong_method(method, path)),
        };
    }
    let mut known_path = false;
    let mut found = None;
    for dialect in DIALECTS {
        for endpoint in dialect.endpoints() {
            let Some(rest) = endpoint.matched(path) else { continue };
            known_path = true;
            if endpoint.method == *method && (found.is_none() || claims(*dialect)) {
                found = Some((*dialect, endpoint, rest));
            }
        }
    }
    if let Some((dialect, endpoint, rest)) = found {
        let tail = &path[endpoint.version.len()..];
        let front = endpoint.star().unwrap_or_default().saturating_sub(endpoint.version.len());
        let model = endpoint.names_model().then_some((rest, front));
        return Ok(match (endpoint.operation, method) {
            (Operation::ListModels, _) => Route::Local(Local::Of(dialect, Said::Models)),
            (Operation::About, _) => Route::Local(Local::Of(dialect, Said::About(tail))),
            (Operation::GetModel, &Method::GET) => Route::Local(Local::Of(dialect, Said::Model(rest))),
            (operation, _) => {
                Route::Call(Called { dialect, operation, tail, model, stream: dialect.path_streams(path) })
            }
        });
    }
    match path.strip_prefix(VERSION) {
        // `/v1/models/{model}/...` shares its front with the model list, so its other methods are for the models.
        Some(tail)
            if tail.len() > 1 && tail.starts_with('/') && (!known_path || tail.starts_with("/models/")) =>
        {
            Ok(Route::Call(Called::other(tail)))
        }
        _ if known_path => Err(wrong_method(method, path)),
        _ => Err(Fault::new(
            FaultKind::NoRoute,
            format!("nothing is at `{}`: see /v1/models and the docs", shown(path)),
        )),
    }
}

/// Reads a model's name out of a tail such as `/models/{model}/chat/completions` or `/{model}/{tail}`. Names may contain
/// slashes, so every border is tried: first those behind which a known endpoint follows, then the others. `is_known` says
/// whether a name is a model. Answers with the name and the tail behind it.
pub(crate) fn model_in_tail<'p>(
    tail: &'p str,
    is_known: &mut dyn FnMut(&str) -> bool,
) -> Result<Option<(String, Called<'p>)>, Fault> {
    let fronts = [tail.strip_prefix("/models/"), tail.strip_prefix('/')];
    for only_endpoints in [true, false] {
        for rest in fronts.into_iter().flatten() {
            for (border, _) in rest.match_indices('/') {
                let (name, tail) = rest.split_at(border);
                let called = endpoint(tail);
                if tail.len() < 2 || called.is_some() != only_endpoints {
                    continue;
                }
                let Some(name) = decoded(name) else { continue };
                if check_model(&name).is_ok() && is_known(&name) {
                    return Ok(Some((name, called.unwrap_or(Called::other(tail)))));
                }
            }
        }
    }
    Ok(None)
}

/// The endpoint with this tail, in whichever dialect.
fn endpoint(tail: &str) -> Option<Called<'_>> {
    DIALECTS.iter().find_map(|dialect| {
        let endpoint = dialect.endpoints().iter().find(|endpoint| {
            endpoint.method == Method::POST && !endpoint.names_model() && endpoint.matched_tail(tail)
        })?;
        let (operation, stream) = (endpoint.operation, dialect.path_streams(tail));
        Some(Called { dialect: *dialect, operation, tail, model: None, stream })
    })
}

/// A path segment without its percent-encoding; `None` if it is not text.
pub(crate) fn decoded(segment: &str) -> Option<String> {
    percent_decode_str(segment).decode_utf8().ok().map(std::borrow::Cow::into_owned)
}

fn wrong_method(method: &Method, path: &str) -> Fault {
    let text = format!("`{}` does not take {}", shown(path), shown(method.as_str()));
    Fault::new(FaultKind::MethodNotAllowed, text)
}

fn shown(text: &str) -> String {
    text.chars().take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn describe(called: &Called<'_>) -> String {
        format!("{} {:?} {}", called.dialect.name(), called.operation, called.tail)
    }

    #[track_caller]
    fn check(method: &str, path: &str, expect: &str) {
        let got = match find(&method.parse().unwrap(), path, &|dialect| dialect.name() == "anthropic") {
            Ok(Route::Local(Local::Of(dialect, said))) => format!("{} {said:?}", dialect.name()),
            Ok(Route::Local(local)) => format!("{local:?}"),
            Ok(Route::Call(called)) => describe(&called),
            Err(fault) => fault.to_string(),
        };
        assert_eq!(got, expect);
    }

    #[test]
    fn known_paths() {
        check("GET", "/", "Root");
        check("HEAD", "/health/ready", "Ready");
        check("POST", "/health", "method_not_allowed: `/health` does not take POST");
        check("POST", "/v1/chat/completions", "openai-chat Generate /chat/completions");
        check("GET", "/v1/chat/completions", "method_not_allowed: `/v1/chat/completions` does not take GET");
        check("POST", "/v1/responses", "openai-responses Generate /responses");
        check("POST", "/v1/audio/transcriptions", "openai-chat Audio /audio/transcriptions");
        check("GET", "/v1/models", "anthropic Models");
        check("GET", "/v1/models/org/name", "anthropic Model(\"org/name\")");
        check("GET", "/api/tags", "ollama Models");
        check("GET", "/ollama/api/version", "ollama About(\"/api/version\")");
        check("POST", "/v1/messages", "anthropic Generate /messages");
        check("POST", "/ollama/api/chat", "ollama Generate /api/chat");
    }

    #[test]
    fn other_paths() {
        check("POST", "/v1/fine_tuning/jobs", "openai-chat Other /fine_tuning/jobs");
        check("GET", "/v1/files", "openai-chat Other /files");
        check("POST", "/v1/models/fast/chat/completions", "openai-chat Other /models/fast/chat/completions");
        check(
            "GET",
            "/favicon.ico",
            "unknown_url: nothing is at `/favicon.ico`: see /v1/models and the docs",
        );
        check("POST", "/v1/", "unknown_url: nothing is at `/v1/`: see /v1/models and the docs");
        check("POST", "/v10/x", "unknown_url: nothing is at `/v10/x`: see /v1/models and the docs");
    }

    #[track_caller]
    fn check_tail(tail: &str, known: &[&str], expect: Option<(&str, &str)>) {
        let got = model_in_tail(tail, &mut |name| known.contains(&name)).unwrap();
        let got = got.map(|(name, called)| (name, describe(&called)));
        assert_eq!(got, expect.map(|(name, called)| (name.to_owned(), called.to_owned())));
    }

    #[test]
    fn a_model_in_the_path() {
        let known = ["fast", "org/name", "org", "models"];
        check_tail(
            "/models/fast/chat/completions",
            &known,
            Some(("fast", "openai-chat Generate /chat/completions")),
        );
        check_tail(
            "/fast/chat/completions",
            &known,
            Some(("fast", "openai-chat Generate /chat/completions")),
        );
        check_tail("/org/name/embeddings", &known, Some(("org/name", "openai-chat Embed /embeddings")));
        check_tail(
            "/org%2Fname/responses",
            &known,
            Some(("org/name", "openai-responses Generate /responses")),
        );
        check_tail("/fast/score", &known, Some(("fast", "openai-chat Other /score")));
        check_tail("/slow/chat/completions", &known, None);
        check_tail("/fast/", &known, None);
        check_tail("/..%2ffast/x", &["../fast"], None);
    }
}
