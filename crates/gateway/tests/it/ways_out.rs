//! The way out: each credential's own proxy, and TLS that is not the public one.

use lockgate_mock::Mock;
use lockgate_testkit::proxy::{Asked, Proxy, Speaks};

use crate::{
    house::{CHAT, CHAT_PATH, House, config, mock, secret},
    raw::{Raw, Refusing},
    tls::{Authority, Front, Identity, expired},
};

/// A proxy with a password of its own, where it is, and how it is written into a config.
fn proxy(speaks: Speaks, scheme: &str, lead: Option<&Mock>) -> (Proxy, String) {
    let password = secret("proxy password");
    let proxy = Proxy::start(speaks, Some(("gate", &password)), lead.map(Mock::addr)).unwrap();
    let url = format!("{scheme}://gate:{password}@{}", proxy.address);
    (proxy, url)
}

fn asked(proxy: &Proxy) -> Vec<String> {
    let shown = |asked: Asked| format!("{} {} {}", asked.how, asked.place, asked.is_welcome);
    proxy.asked().into_iter().map(shown).collect()
}

/// A config with one provider, whose fields these are, behind the model `fast`.
fn one(fields: &str, rest: &str) -> String {
    format!(
        "server: {{ listen: \"127.0.0.1:0\", drain: 5s }}\nproviders:\n  a: {{ kind: openai, {fields} }}\n\
         models:\n  fast: {{ targets: [a/gpt-4o-mini] }}\n{rest}"
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn each_credential_goes_its_own_way() {
    let mock = mock().await;
    let authority = Authority::new();
    let front = Front::new(mock.addr(), &authority.signed(&["localhost"], |_| ()), None).await;
    let (global, global_url) = proxy(Speaks::Http, "http", None);
    let (own, own_url) = proxy(Speaks::Socks5, "socks5h", None);
    let [inherits, through, direct] = ["inherits", "through", "direct"].map(|_| secret("upstream key"));
    let fields = format!(
        "base_url: \"{}\", tls: {{ ca_file: \"{}\" }}, credentials: [\
           {{ name: inherits, api_key: {inherits} }},\
           {{ name: through, api_key: {through}, proxy: \"{own_url}\" }},\
           {{ name: direct, api_key: {direct}, proxy: direct }}]",
        front.base_url("localhost"),
        authority.file(),
    );
    let house = House::new(&one(&fields, &format!("proxy: \"{global_url}\"\n"))).await;
    for _ in 0..6 {
        let answer = house.post(CHAT_PATH, CHAT).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
    }
    let place = format!("localhost:{}", front.address.port());
    // Two requests with each: one connection was enough for both.
    assert_eq!(asked(&global), [format!("connect {place} true")]);
    assert_eq!(asked(&own), [format!("socks5 {place} true")]);
    let keys: Vec<_> = mock.ledger().iter().map(|entry| entry.headers["authorization"].clone()).collect();
    for key in [inherits, through, direct] {
        assert_eq!(keys.iter().filter(|shown| **shown == format!("Bearer {key}")).count(), 2);
    }
    assert!(mock.ledger().iter().all(|entry| !entry.headers.contains_key("proxy-authorization")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_plain_request_goes_to_the_proxy_whole_and_its_password_no_further() {
    let mock = mock().await;
    let (proxy, url) = proxy(Speaks::Http, "http", Some(&mock));
    let fields = format!(
        "base_url: \"http://vllm.test:8000/v1\", api_key: {}, proxy: \"{url}\"",
        secret("upstream key")
    );
    let house = House::new(&one(&fields, "")).await;
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 200);
    assert_eq!(asked(&proxy), ["POST vllm.test:8000 true"]);
    let entry = &mock.ledger()[0];
    assert_eq!(entry.headers["host"], "vllm.test:8000");
    assert!(!entry.headers.contains_key("proxy-authorization"), "{:?}", entry.headers.keys());
}

#[tokio::test(flavor = "multi_thread")]
async fn who_resolves_a_name_is_the_operators_choice() {
    let mock = mock().await;
    for (scheme, host, place) in
        [("socks5h", "vllm.test", "vllm.test".to_owned()), ("socks5", "localhost", "127.0.0.1".to_owned())]
    {
        let (proxy, url) = proxy(Speaks::Socks5, scheme, Some(&mock));
        let fields = format!("base_url: \"http://{host}/v1\", api_key: k, proxy: \"{url}\"");
        let house = House::new(&one(&fields, "")).await;
        assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 200, "{scheme}");
        // The port is the one of plain HTTP, though nobody wrote it.
        let seen = asked(&proxy);
        let is_right =
            |seen: &String| *seen == format!("socks5 {place}:80 true") || seen.contains("::1]:80 true");
        assert!(!seen.is_empty() && seen.iter().all(is_right), "{scheme}: {seen:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_proxy_may_want_tls_itself() {
    let mock = mock().await;
    let authority = Authority::new();
    let password = secret("proxy password");
    let proxy = Proxy::start(Speaks::Http, Some(("gate", &password)), Some(mock.addr())).unwrap();
    let front = Front::new(proxy.address, &authority.signed(&["localhost"], |_| ()), None).await;
    let url = format!("https://gate:{password}@localhost:{}", front.address.port());
    let fields = |ca: &str| format!("base_url: \"http://vllm.test/v1\", api_key: k, proxy: \"{url}\"{ca}");
    let house =
        House::new(&one(&fields(&format!(", tls: {{ ca_file: \"{}\" }}", authority.file())), "")).await;
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 200);
    assert_eq!(asked(&proxy), ["POST vllm.test true"]);

    let house = House::new(&one(&fields(""), "")).await;
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 502);
    let why = fault(&house, 0).await;
    assert!(why.contains("the proxy https://localhost") && why.contains("signed by nobody"), "{why}");
}

/// What the log says of an attempt of the first call.
async fn fault(house: &House, attempt: usize) -> String {
    house.records(1).await[0].attempts[attempt].fault.clone().unwrap().into_owned()
}

/// Asks twice a provider with these fields, before one that is well; what the log says of the failed attempt.
async fn refused(fields: &str) -> String {
    let well = mock().await;
    let rest = format!(
        "  b: {{ kind: openai, base_url: \"{}\", api_key: {} }}\n",
        well.base_url(),
        secret("upstream key")
    );
    let yaml = one(fields, "").replace("models:\n", &format!("{rest}models:\n"));
    let yaml = yaml.replace("[a/gpt-4o-mini] }", "[a/gpt-4o-mini], fallback: [b/gpt-4o-mini] }");
    let house = House::new(&yaml).await;
    let answer = house.post(CHAT_PATH, CHAT).await;
    assert_eq!(answer.status, 200, "another deployment answers: {}", answer.text);
    assert_eq!(answer.header("x-lockgate-attempts"), "2", "the failing one is asked once");
    fault(&house, 0).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fault_names_the_hop_and_never_the_password() {
    let mock = mock().await;
    let (http, http_url) = proxy(Speaks::Http, "http", None);
    let (socks, socks_url) = proxy(Speaks::Socks5, "socks5h", None);
    let nowhere = "http://gate:SECRET@127.0.0.1:9";
    let wrong = |url: &str| {
        let (front, back) = url.split_once("gate:").unwrap();
        format!("{front}gate:{}@{}", secret("wrong password"), back.rsplit_once('@').unwrap().1)
    };
    let dead = Refusing::new();
    let dead = dead.base_url();
    let plain = mock.base_url();
    let tls = plain.replace("http:", "https:");
    let [http_at, socks_at] = [&http, &socks].map(|proxy| proxy.address.to_string());
    for (base_url, proxy, expected) in [
        (
            &plain,
            nowhere.replace("SECRET", &secret("proxy password")),
            vec!["http://127.0.0.1:9 cannot be reached"],
        ),
        (&plain, wrong(&http_url), vec![&*http_at, "does not lead to", "credentials"]),
        (&tls, wrong(&http_url), vec![&*http_at, "does not lead to", "authorization required"]),
        (&plain, wrong(&socks_url), vec![&*socks_at, "does not lead to", "credentials not accepted"]),
        (&dead, socks_url.clone(), vec![&*socks_at, "does not lead to", "refused"]),
        (
            &dead.replace("http:", "https:"),
            http_url.clone(),
            vec![&*http_at, "does not lead to", "unsuccessful"],
        ),
    ] {
        let fields = format!("base_url: \"{base_url}\", api_key: k, proxy: \"{proxy}\"");
        let why = refused(&fields).await;
        assert!(why.starts_with("upstream_unreachable"), "{why}");
        assert!(expected.iter().all(|part| why.contains(part)), "{expected:?}: {why}");
        assert!(!why.contains("gate:") && !why.contains('@'), "{why}");
    }
    assert_eq!(mock.counts().requests, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_private_authority_is_believed_where_it_is_named() {
    let mock = mock().await;
    let authority = Authority::new();
    let server = authority.signed(&["localhost"], |_| ());
    let front = Front::new(mock.addr(), &server, None).await;
    let its_own = Identity::of_its_own(&["localhost"]);
    let own_front = Front::new(mock.addr(), &its_own, None).await;
    let ca = authority.file();
    for (base_url, tls) in [
        (front.base_url("localhost"), format!("ca_file: \"{ca}\"")),
        // By another name than the certificate's, which the operator knows of.
        (front.base_url("127.0.0.1"), format!("ca_file: \"{ca}\", server_name: localhost")),
        (
            own_front.base_url("localhost"),
            format!("ca_file: \"{}\"", authority.write("own.pem", &its_own.cert)),
        ),
    ] {
        let fields =
            format!("base_url: \"{base_url}\", api_key: {}, tls: {{ {tls} }}", secret("upstream key"));
        let house = House::new(&one(&fields, "")).await;
        let answer = house.post(CHAT_PATH, CHAT).await;
        assert_eq!(answer.status, 200, "{tls}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_certificate_is_refused_and_it_is_said_why() {
    let mock = mock().await;
    let (authority, other, renewed) = (Authority::new(), Authority::named("Other CA"), Authority::new());
    let ca = authority.file();
    let named = Identity::of_its_own(&["localhost"]);
    let named = authority.write("own.pem", &named.cert);
    for (identity, ca, expected) in [
        (other.signed(&["localhost"], |_| ()), &ca, "signed by nobody who is known"),
        (renewed.signed(&["localhost"], |_| ()), &ca, "signed by nobody who is known"),
        (authority.signed(&["api.example.com"], |_| ()), &ca, "certificate is for another name"),
        (authority.signed(&["localhost"], expired), &ca, "has expired"),
        // Another one than the one that was named, though it looks the same.
        (Identity::of_its_own(&["localhost"]), &named, "certificate cannot be accepted"),
    ] {
        let front = Front::new(mock.addr(), &identity, None).await;
        let fields = format!(
            "base_url: \"{}\", api_key: k, tls: {{ ca_file: \"{ca}\" }}",
            front.base_url("localhost")
        );
        let why = refused(&fields).await;
        assert!(why.starts_with("upstream_untrusted") && why.contains(expected), "{expected}: {why}");
        assert!(why.contains(&format!("localhost:{}", front.address.port())), "{why}");
    }
    assert_eq!(mock.counts().requests, 0, "nothing was sent to any of them");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_certificate_is_shown_where_one_is_wanted() {
    let mock = mock().await;
    let authority = Authority::new();
    let front = Front::new(mock.addr(), &authority.signed(&["localhost"], |_| ()), Some(&authority)).await;
    let fields = |more: &str| {
        let (url, ca) = (front.base_url("localhost"), authority.file());
        format!("base_url: \"{url}\", api_key: k, tls: {{ ca_file: \"{ca}\"{more} }}")
    };
    let ours = authority.signed(&["gateway"], |_| ());
    let theirs = Authority::named("Other CA").signed(&["gateway"], |_| ());
    let renewed = Authority::new().signed(&["gateway"], |_| ());
    let files = |name: &str, identity: &Identity| {
        let cert = authority.write(&format!("{name}.pem"), &identity.cert);
        let key = authority.write(&format!("{name}.key"), &identity.key);
        format!(", cert_file: \"{cert}\", key_file: \"{key}\"")
    };
    let house = House::new(&one(&fields(&files("ours", &ours)), "")).await;
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 200);

    for (what, more) in [
        ("none", String::new()),
        ("another's", files("theirs", &theirs)),
        ("an old one", files("renewed", &renewed)),
    ] {
        let why = refused(&fields(&more)).await;
        assert!(why.starts_with("upstream_untrusted") && why.contains("tls.cert_file"), "{what}: {why}");
    }
    assert_eq!(mock.counts().requests, 1);
}

/// What a start with this `tls` says.
#[track_caller]
fn start_error(tls: &str) -> String {
    let yaml = one(&format!("api_key: k, tls: {{ {tls} }}"), "");
    let config = lockgate_config::parse("test.yaml", &yaml, &|_| None).unwrap();
    lockgate_gateway::check(&config).unwrap_err().to_string()
}

#[test]
fn a_file_that_is_no_certificate_stops_the_start_and_is_not_repeated() {
    let authority = Authority::new();
    let ours = authority.signed(&["gateway"], |_| ());
    let other = authority.signed(&["gateway"], |_| ());
    let (cert, key) = (authority.write("a.pem", &ours.cert), authority.write("a.key", &ours.key));
    let other = authority.write("b.key", &other.key);
    let broken = ours.key.replace("-----END", "----");
    let broken = authority.write("c.key", &broken);
    for (tls, expected) in [
        (
            "ca_file: /nowhere/ca.pem".to_owned(),
            "provider `a`: `tls.ca_file`: `/nowhere/ca.pem` cannot be read: No such file",
        ),
        (format!("ca_file: \"{key}\""), "has no certificate in PEM form"),
        (format!("cert_file: \"{cert}\", key_file: \"{cert}\""), "has no private key in PEM form"),
        (format!("cert_file: \"{cert}\", key_file: \"{broken}\""), "is not in PEM form"),
        (
            format!("cert_file: \"{cert}\", key_file: \"{other}\""),
            "`tls.cert_file` and `tls.key_file`: keys may not be consistent",
        ),
        ("server_name: \"a b\"".to_owned(), "`tls.server_name` is neither a host name nor an IP address"),
    ] {
        let error = start_error(&tls);
        assert!(error.contains(expected), "{expected}: {error}");
        assert!(!error.contains(ours.key.lines().nth(1).unwrap()), "{error}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_host_that_does_not_speak_tls_is_not_waited_for() {
    let mock = mock().await;
    // It takes connections and says nothing.
    let silent = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let silent = format!("https://{}/v1", silent.local_addr().unwrap());
    let house =
        House::new(&config(&[&silent, &mock.base_url()], "retry: { connect: 300ms, first_byte: 60s }\n"))
            .await;
    let begun = std::time::Instant::now();
    assert_eq!(house.post(CHAT_PATH, CHAT).await.status, 200);
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "{:?}", begun.elapsed());
    let why = fault(&house, 0).await;
    assert!(why.contains("TLS was not agreed on within 300 ms"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_grant_asks_by_its_credentials_own_way() {
    // Both places say the same: to the one it is a token, to the other no answer.
    let body = r#"{"access_token":"token","expires_in":3600}"#;
    let upstream = Raw::start(Raw::ok("application/json", Some(body.len()), body.as_bytes())).await;
    let password = secret("proxy password");
    let proxy = Proxy::start(Speaks::Http, Some(("gate", &password)), Some(upstream.address)).unwrap();
    let fields = format!(
        "base_url: \"http://azure.test\", proxy: direct, credentials: [{{ proxy: \"http://gate:{password}@{}\", \
         auth: {{ tenant_id: t, client_id: c, client_secret: {}, endpoints: {{ token: \"http://login.test/token\" }} }} }}]",
        proxy.address,
        secret("client secret"),
    );
    let house = House::new(&one(&fields, "").replace("kind: openai", "kind: azure")).await;
    house.post(CHAT_PATH, CHAT).await;
    let asked = asked(&proxy);
    assert_eq!(asked[..2], ["POST login.test true", "POST azure.test true"], "{asked:?}");
}
