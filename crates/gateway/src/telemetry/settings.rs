//! Where telemetry is sent and how: as the config says, else as the variables say that OpenTelemetry has for it
//! (<https://opentelemetry.io/docs/specs/otel/protocol/exporter/>).

use std::time::Duration;

use http::{HeaderName, HeaderValue, Uri};
use lockgate_config::{self as config, OtlpProtocol};
use percent_encoding::percent_decode_str;

use super::protobuf::Message;

/// How long one sending may take, unless the environment says otherwise.
const TIMEOUT: Duration = Duration::from_secs(10);
/// How often metrics are sent, unless something else is said.
const INTERVAL: Duration = Duration::from_secs(60);
/// The least time between two sendings of metrics.
const LEAST_INTERVAL: Duration = Duration::from_millis(100);

/// What is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    /// Behind a collector's address, over HTTP.
    fn path(self) -> &'static str {
        match self {
            Self::Traces => "/v1/traces",
            Self::Metrics => "/v1/metrics",
        }
    }

    /// The method to call over gRPC.
    fn method(self) -> &'static str {
        match self {
            Self::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Self::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        }
    }

    /// In the names of variables.
    fn word(self) -> &'static str {
        match self {
            Self::Traces => "TRACES",
            Self::Metrics => "METRICS",
        }
    }
}

/// All that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Settings {
    pub(super) traces: Option<Uri>,
    pub(super) metrics: Option<Uri>,
    pub(super) protocol: OtlpProtocol,
    /// Marked as secrets.
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) ca_file: Option<String>,
    pub(super) timeout: Duration,
    /// How often metrics are sent.
    pub(super) interval: Duration,
    service: String,
    /// What else the operator says of this gateway.
    resource: Vec<(String, String)>,
}

/// Looks up a variable.
type Variables<'v> = &'v dyn Fn(&str) -> Option<String>;

impl Settings {
    /// As `written`, else as the environment says; `None` if nothing is to be sent.
    pub(super) fn of(written: &config::Telemetry, variables: Variables<'_>) -> Result<Option<Self>, String> {
        let variable = |name: &str| {
            variables(name).map(|value| value.trim().to_owned()).filter(|value| !value.is_empty())
        };
        let resource = variable("OTEL_RESOURCE_ATTRIBUTES").unwrap_or_default();
        let resource =
            pairs(&resource).map_err(|()| "`OTEL_RESOURCE_ATTRIBUTES` is not `name=value,...`".to_owned())?;
        let named = resource.iter().find(|(name, _)| name == "service.name").map(|(_, value)| value.clone());
        let service = written.service_name.clone().or_else(|| variable("OTEL_SERVICE_NAME")).or(named);
        let base = Self {
            traces: None,
            metrics: None,
            protocol: OtlpProtocol::Http,
            headers: Vec::new(),
            ca_file: None,
            timeout: TIMEOUT,
            interval: INTERVAL,
            service: service.unwrap_or_else(|| "lockgate".to_owned()),
            resource: resource.into_iter().filter(|(name, _)| name != "service.name").collect(),
        };
        let settings = match &written.otlp {
            Some(otlp) => base.with(otlp)?,
            None => base.by_environment(&variable)?,
        };
        Ok((settings.traces.is_some() || settings.metrics.is_some()).then_some(settings))
    }

    fn with(self, otlp: &config::Otlp) -> Result<Self, String> {
        let setting = "`telemetry.otlp.endpoint`";
        let at = |signal, wanted: bool| {
            wanted.then(|| place(&otlp.endpoint, otlp.protocol, signal, setting)).transpose()
        };
        let headers =
            otlp.headers.iter().map(|(name, value)| header(name, value.expose(), "`telemetry.otlp.headers`"));
        Ok(Self {
            traces: at(Signal::Traces, otlp.traces)?,
            metrics: at(Signal::Metrics, otlp.metrics)?,
            protocol: otlp.protocol,
            headers: headers.collect::<Result<_, _>>()?,
            ca_file: otlp.ca_file.clone(),
            interval: otlp.interval.max(LEAST_INTERVAL),
            ..self
        })
    }

    fn by_environment(self, variable: &dyn Fn(&str) -> Option<String>) -> Result<Self, String> {
        if variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true")) {
            return Ok(self);
        }
        let protocol = match variable("OTEL_EXPORTER_OTLP_PROTOCOL").as_deref() {
            None | Some("http/protobuf") => OtlpProtocol::Http,
            Some("grpc") => OtlpProtocol::Grpc,
            Some(_) => {
                return Err("`OTEL_EXPORTER_OTLP_PROTOCOL` is neither `http/protobuf` nor `grpc`".to_owned());
            }
        };
        let at = |signal: Signal| {
            let word = signal.word();
            if variable(&format!("OTEL_{word}_EXPORTER")).is_some_and(|exporter| exporter == "none") {
                return Ok(None);
            }
            let own = format!("OTEL_EXPORTER_OTLP_{word}_ENDPOINT");
            if let Some(endpoint) = variable(&own) {
                // One signal's own address is taken as it is.
                return match protocol {
                    OtlpProtocol::Http => address(&endpoint, "", &format!("`{own}`")).map(Some),
                    OtlpProtocol::Grpc => place(&endpoint, protocol, signal, &format!("`{own}`")).map(Some),
                };
            }
            let endpoint = variable("OTEL_EXPORTER_OTLP_ENDPOINT");
            endpoint
                .map(|endpoint| place(&endpoint, protocol, signal, "`OTEL_EXPORTER_OTLP_ENDPOINT`"))
                .transpose()
        };
        let millis = |name: &str, otherwise: Duration| match variable(name).map(|value| value.parse()) {
            None => Ok(otherwise),
            Some(Ok(millis @ 1..)) => Ok(Duration::from_millis(millis)),
            Some(_) => Err(format!("`{name}` is not a number of milliseconds")),
        };
        let name = "OTEL_EXPORTER_OTLP_HEADERS";
        let headers = pairs(&variable(name).unwrap_or_default());
        let headers = headers.map_err(|()| format!("`{name}` is not `name=value,...`"))?;
        let headers = headers.iter().map(|(key, value)| header(key, value, &format!("`{name}`")));
        Ok(Self {
            traces: at(Signal::Traces)?,
            metrics: at(Signal::Metrics)?,
            protocol,
            headers: headers.collect::<Result<_, _>>()?,
            ca_file: variable("OTEL_EXPORTER_OTLP_CERTIFICATE"),
            timeout: millis("OTEL_EXPORTER_OTLP_TIMEOUT", TIMEOUT)?,
            interval: millis("OTEL_METRIC_EXPORT_INTERVAL", INTERVAL)?.max(LEAST_INTERVAL),
            ..self
        })
    }

    /// Where a signal is sent, if it is.
    pub(super) fn at(&self, signal: Signal) -> Option<&Uri> {
        match signal {
            Signal::Traces => self.traces.as_ref(),
            Signal::Metrics => self.metrics.as_ref(),
        }
    }

    /// Says who sends, in a `Resource`.
    pub(super) fn describe(&self, resource: &mut Message) {
        resource.attribute(1, "service.name", &self.service);
        resource.attribute(1, "service.version", env!("CARGO_PKG_VERSION"));
        for (name, value) in &self.resource {
            resource.attribute(1, name, value);
        }
    }
}

/// The address of a signal at a collector.
fn place(endpoint: &str, protocol: OtlpProtocol, signal: Signal, setting: &str) -> Result<Uri, String> {
    let endpoint = endpoint.trim_end_matches('/');
    match protocol {
        OtlpProtocol::Http => {
            // Many write one signal's address where that of all belongs.
            let bare = [Signal::Traces, Signal::Metrics]
                .iter()
                .find_map(|signal| endpoint.strip_suffix(signal.path()));
            address(bare.unwrap_or(endpoint), signal.path(), setting)
        }
        OtlpProtocol::Grpc => {
            // gRPC's own way to write an address has no scheme.
            let whole =
                if endpoint.contains("://") { endpoint.to_owned() } else { format!("http://{endpoint}") };
            let base = address(&whole, "", setting)?;
            let (scheme, authority) =
                (base.scheme_str().unwrap_or("http"), base.authority().map_or("", |place| place.as_str()));
            address(&format!("{scheme}://{authority}"), signal.method(), setting)
        }
    }
}

fn address(base: &str, path: &str, setting: &str) -> Result<Uri, String> {
    let uri = format!("{base}{path}").parse::<Uri>().ok();
    let is_good = |uri: &Uri| {
        matches!(uri.scheme_str(), Some("http" | "https"))
            && uri.authority().is_some_and(|place| !place.as_str().contains('@') && !place.host().is_empty())
    };
    uri.filter(is_good).ok_or_else(|| {
        format!("{setting} is no address such as `http://localhost:4318`, without a user name or password")
    })
}

/// `name=value,...`, percent-encoded.
fn pairs(text: &str) -> Result<Vec<(String, String)>, ()> {
    let pair = |pair: &str| {
        let (name, value) = pair.split_once('=').ok_or(())?;
        let value = percent_decode_str(value.trim()).decode_utf8().map_err(drop)?;
        Ok((name.trim().to_owned(), value.into_owned()))
    };
    text.split(',').map(str::trim).filter(|part| !part.is_empty()).map(pair).collect()
}

fn header(name: &str, value: &str, setting: &str) -> Result<(HeaderName, HeaderValue), String> {
    let fault = |what: &str| format!("{setting} has a header whose {what} cannot be sent");
    let name = name.to_ascii_lowercase().parse::<HeaderName>().map_err(|_| fault("name"))?;
    let mut value = value.parse::<HeaderValue>().map_err(|_| fault("value"))?;
    value.set_sensitive(true);
    Ok((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(yaml: &str, environment: &[(&str, &str)]) -> Result<Option<Settings>, String> {
        let text = format!("providers: {{ p: {{ kind: vllm }} }}\ntelemetry: {yaml}");
        let config = lockgate_config::parse("test.yaml", &text, &|_| None).unwrap();
        let variables = |name: &str| {
            let row = environment.iter().find(|(known, _)| *known == name);
            row.map(|(_, value)| (*value).to_owned())
        };
        Settings::of(&config.telemetry, &variables)
    }

    #[track_caller]
    fn check(yaml: &str, environment: &[(&str, &str)], expect: [Option<&str>; 2]) {
        let settings = settings(yaml, environment).unwrap();
        let found = [Signal::Traces, Signal::Metrics].map(|signal| {
            settings.as_ref().and_then(|settings| settings.at(signal)).map(ToString::to_string)
        });
        assert_eq!(found.each_ref().map(|uri| uri.as_deref()), expect);
    }

    const BASE: (&str, &str) = ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://env:4318");

    #[test]
    fn where_it_is_sent() {
        check("{}", &[], [None, None]);
        check("{}", &[BASE], [Some("http://env:4318/v1/traces"), Some("http://env:4318/v1/metrics")]);
        check("{}", &[BASE, ("OTEL_SDK_DISABLED", "true")], [None, None]);
        check("{}", &[BASE, ("OTEL_METRICS_EXPORTER", "none")], [Some("http://env:4318/v1/traces"), None]);
        check(
            "{}",
            &[BASE, ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "https://t:1/own/")],
            [Some("https://t:1/own/"), Some("http://env:4318/v1/metrics")],
        );
        let grpc = "/opentelemetry.proto.collector.trace.v1.TraceService/Export";
        check(
            "{}",
            &[
                ("OTEL_EXPORTER_OTLP_ENDPOINT", "c:4317"),
                ("OTEL_EXPORTER_OTLP_PROTOCOL", "grpc"),
                ("OTEL_METRICS_EXPORTER", "none"),
            ],
            [Some(&format!("http://c:4317{grpc}")), None],
        );
        check(
            "{ otlp: { endpoint: \"https://c:1/base/v1/traces\", metrics: false } }",
            &[BASE],
            [Some("https://c:1/base/v1/traces"), None],
        );
        check(
            "{ otlp: { endpoint: \"https://c:1/base/\", traces: false } }",
            &[("OTEL_SDK_DISABLED", "true")],
            [None, Some("https://c:1/base/v1/metrics")],
        );
        check(
            "{ otlp: { endpoint: \"https://c:1/\", protocol: grpc, metrics: false } }",
            &[],
            [Some(&format!("https://c:1{grpc}")), None],
        );
    }

    #[test]
    fn who_sends_and_what_it_shows() {
        let all = [
            BASE,
            ("OTEL_EXPORTER_OTLP_HEADERS", "api-key=a%20b, X-Two=2"),
            ("OTEL_RESOURCE_ATTRIBUTES", "service.name=ours,deployment.environment.name=test"),
            ("OTEL_METRIC_EXPORT_INTERVAL", "1500"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "250"),
        ];
        let found = settings("{}", &all).unwrap().unwrap();
        let headers: Vec<_> =
            found.headers.iter().map(|(name, value)| (name.as_str(), value.as_bytes())).collect();
        assert_eq!(headers, [("api-key", &b"a b"[..]), ("x-two", b"2")]);
        assert!(!format!("{found:?}").contains("a b"));
        assert_eq!((found.service.as_str(), found.resource.len()), ("ours", 1));
        assert_eq!((found.interval.as_millis(), found.timeout.as_millis()), (1500, 250));
        let named =
            settings("{ service_name: mine }", &[BASE, ("OTEL_SERVICE_NAME", "theirs")]).unwrap().unwrap();
        assert_eq!(named.service, "mine");
        assert_eq!(settings("{}", &[BASE]).unwrap().unwrap().service, "lockgate");
    }

    #[test]
    fn what_cannot_be_meant_is_named_without_its_value() {
        for (name, value) in [
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "secret"),
            ("OTEL_EXPORTER_OTLP_ENDPOINT", "http://user:secret@host"),
            ("OTEL_EXPORTER_OTLP_PROTOCOL", "http/json"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "secret"),
            ("OTEL_EXPORTER_OTLP_HEADERS", "a=secret%0a"),
            ("OTEL_EXPORTER_OTLP_TIMEOUT", "secret"),
            ("OTEL_RESOURCE_ATTRIBUTES", "secret"),
        ] {
            let fault = settings("{}", &[(name, value)]).unwrap_err();
            assert!(fault.contains(name) && !fault.contains("secret"), "{fault}");
        }
    }
}
