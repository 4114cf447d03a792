//! Listeners with TLS: what is spoken, whose certificates are shown and asked for, and how they change.

use std::time::{Duration, Instant};

use lockgate_mock::Behaviour;
use rustls::version::{TLS12, TLS13};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::client::{Connection, Trust, at, listening, tcp, tls, trust};
use crate::{
    house::{CHAT, House, STREAM, mock, read},
    tls::{Authority, Identity, expired},
};

const NAMES: &[&str] = &["localhost"];

/// The `tls` of a listener that shows `identity`, whose files are in the authority's folder.
fn shown(authority: &Authority, identity: &Identity) -> String {
    let (cert, key) =
        (authority.write("cert.pem", &identity.cert), authority.write("key.pem", &identity.key));
    format!("cert: \"{cert}\", key: \"{key}\"")
}

/// What a listener with that `tls` says at the start.
async fn refused(tls: &str) -> String {
    let yaml =
        listening("http://127.0.0.1:1/v1", &format!("{{ address: \"127.0.0.1:0\", tls: {{ {tls} }} }}"), "");
    let config = lockgate_config::parse("test.yaml", &yaml, &|_| None).unwrap();
    let checked = lockgate_gateway::check(&config).unwrap_err().to_string();
    let started = lockgate_gateway::start(&config, std::sync::Arc::new(lockgate_store::Recent::new(1))).await;
    let Err(started) = started else { panic!("it starts") };
    assert_eq!(checked, started.to_string());
    checked
}

#[tokio::test(flavor = "multi_thread")]
async fn both_versions_of_both_protocols_are_spoken_beside_a_plain_listener() {
    let mock = mock().await;
    let authority = Authority::new();
    let shown = shown(&authority, &authority.signed(NAMES, |_| ()));
    let listen = "[127.0.0.1:0, { address: \"127.0.0.1:0\", tls: off }, \"[::1]:0\"]";
    let house = House::new(&listening(&mock.base_url(), listen, &format!(", tls: {{ {shown} }}"))).await;
    let places: Vec<_> = house.serving.places().iter().map(ToString::to_string).collect();
    assert!(
        places[0].starts_with("https://127.0.0.1:") && places[1].starts_with("http://127.0.0.1:"),
        "{places:?}"
    );
    assert!(places[2].starts_with("https://[::1]:"), "{places:?}");
    assert_eq!(house.serving.address, at(&house, 0));

    for (offers, versions) in
        [(["h2"].as_slice(), &[&TLS13]), (&["h2"], &[&TLS12]), (&["http/1.1"], &[&TLS13]), (&[], &[&TLS12])]
    {
        let trust = Trust { authority: &authority, shows: None, offers, versions };
        let stream = tls(tcp(at(&house, 0)).await, &trust).await.unwrap();
        let agreed = stream.get_ref().1.alpn_protocol().map(<[u8]>::to_vec);
        assert_eq!(agreed.as_deref(), offers.first().map(|offer| offer.as_bytes()));
        let mut client = match offers {
            ["h2"] => Connection::http2(stream).await,
            _ => Connection::http1(stream).await,
        };
        for body in [CHAT, STREAM, CHAT] {
            let answer = client.asked(body).await;
            assert_eq!(answer.status, 200, "{}", answer.text);
            assert!(body == CHAT || answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
        }
    }
    assert_eq!(Connection::http1(tcp(at(&house, 1)).await).await.asked(CHAT).await.status, 200);
    let last = tls(tcp(at(&house, 2)).await, &trust(&authority)).await.unwrap();
    assert_eq!(Connection::http2(last).await.asked(CHAT).await.status, 200);
    // Who offers neither is told so.
    let strange = Trust { offers: &["h3"], ..trust(&authority) };
    assert!(tls(tcp(at(&house, 0)).await, &strange).await.is_err());
}

#[tokio::test(flavor = "multi_thread")]
async fn another_certificate_is_shown_without_a_restart_and_a_bad_one_never() {
    let mock = mock().await;
    let between_events = Duration::from_millis(20);
    mock.set_behaviour(Behaviour { between_events, words: Some(40), ..Behaviour::default() });
    let (old, new) = (Authority::named("Old CA"), Authority::named("New CA"));
    let files = shown(&old, &old.signed(NAMES, |_| ()));
    let yaml = listening(&mock.base_url(), "127.0.0.1:0", &format!(", tls: {{ {files} }}"));
    let house = House::new(&yaml).await;
    let config = lockgate_config::parse("test.yaml", &yaml, &|_| None).unwrap();
    let (place, address) = (house.serving.places(), house.serving.address);
    let connect = async |authority: &Authority| tls(tcp(address).await, &trust(authority)).await;

    let mut http2 = Connection::http2(connect(&old).await.unwrap()).await;
    let http1 = Trust { offers: &[], ..trust(&old) };
    let mut http1 = Connection::http1(tls(tcp(address).await, &http1).await.unwrap()).await;
    let open = [http2.chat(STREAM).await, http2.chat(STREAM).await, http1.chat(STREAM).await];

    // The same paths with other contents.
    let identity = new.signed(NAMES, |_| ());
    old.write("cert.pem", &identity.cert);
    let error = house.serving.apply(&config).unwrap_err().to_string();
    assert!(error.contains("is not the key of the certificate"), "{error}");
    assert!(connect(&old).await.is_ok(), "the old one is shown until the new one is whole");
    old.write("key.pem", &identity.key);
    house.serving.apply(&config).unwrap();
    assert!(connect(&old).await.is_err());
    assert_eq!(Connection::http2(connect(&new).await.unwrap()).await.asked(CHAT).await.status, 200);
    old.write("cert.pem", "nothing of the kind");
    assert!(house.serving.apply(&config).is_err());
    assert!(connect(&new).await.is_ok());

    assert_eq!(house.serving.places(), place, "nothing was bound anew");
    for answer in open {
        let answer = read(answer).await;
        assert!(answer.text.ends_with("data: [DONE]\n\n"), "{}", answer.text);
    }
    // Connections live on, too.
    assert_eq!(
        (http1.asked(CHAT).await.status, http2.asked(CHAT).await.status),
        (http::StatusCode::OK, http::StatusCode::OK)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn clients_show_certificates_where_they_must_or_may() {
    let mock = mock().await;
    let (authority, other) = (Authority::new(), Authority::named("Other CA"));
    let shown = shown(&authority, &authority.signed(NAMES, |_| ()));
    let listener = |auth: &str| {
        format!(
            "{{ address: \"127.0.0.1:0\", tls: {{ {shown}, client_ca: \"{}\"{auth} }} }}",
            authority.file()
        )
    };
    let listen = format!("[{}, {}]", listener(""), listener(", client_auth: optional"));
    let house = House::new(&listening(&mock.base_url(), &listen, "")).await;

    let known = authority.signed(&["client"], |_| ());
    let unknown = other.signed(&["client"], |_| ());
    let stale = authority.signed(&["client"], expired);
    for (shows, required, optional) in [
        (Some(&known), true, true),
        (None, false, true),
        (Some(&unknown), false, false),
        (Some(&stale), false, false),
    ] {
        for (index, is_welcome) in [(0, required), (1, optional)] {
            for versions in [&[&TLS12], &[&TLS13]] {
                let trust = Trust { shows, offers: &[], versions, ..trust(&authority) };
                // In TLS 1.3 the client is done before the server has looked at its certificate.
                let answered = async {
                    let mut stream = tls(tcp(at(&house, index)).await, &trust).await.ok()?;
                    stream.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").await.ok()?;
                    let mut start = [0; 12];
                    stream.read_exact(&mut start).await.ok()?;
                    Some(start)
                };
                let answered = answered.await;
                assert_eq!(answered.is_some(), is_welcome, "listener {index}");
                assert!(answered.is_none_or(|start| start == *b"HTTP/1.1 200"));
            }
        }
    }
}

#[tokio::test]
async fn what_cannot_be_shown_is_said_at_the_start() {
    let authority = Authority::new();
    let [one, two] = [authority.signed(NAMES, |_| ()), authority.signed(NAMES, |_| ())];
    let write = |name: &str, text: &str| authority.write(name, text);
    let (cert, key, other) = (write("c.pem", &one.cert), write("k.pem", &one.key), write("o.pem", &two.key));
    let empty = write("empty.pem", "");
    for (tls, expect) in [
        (format!("cert: {cert}, key: {other}"), format!("listener 127.0.0.1:0: `tls.key`: `{other}` is not the key of the certificate in `tls.cert`")),
        (format!("cert: {key}, key: {key}"), format!("listener 127.0.0.1:0: `tls.cert`: `{key}` has no certificate in PEM form")),
        (format!("cert: {cert}, key: {cert}"), format!("listener 127.0.0.1:0: `tls.key`: `{cert}` has no private key in PEM form")),
        (format!("cert: {empty}, key: {key}"), format!("listener 127.0.0.1:0: `tls.cert`: `{empty}` has no certificate in PEM form")),
        (format!("cert: /nowhere.pem, key: {key}"), "listener 127.0.0.1:0: `tls.cert`: `/nowhere.pem` cannot be read: No such file or directory (os error 2)".to_owned()),
        (format!("cert: {cert}, key: {key}, client_ca: {empty}"), format!("listener 127.0.0.1:0: `tls.client_ca`: `{empty}` has no certificate in PEM form")),
    ] {
        assert_eq!(refused(&tls).await, expect);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_too_long_is_closed_and_holds_up_nobody() {
    const HALF: &[u8] = b"GET /health HTTP/1.1\r\nhost: loc";
    let mock = mock().await;
    let authority = Authority::new();
    let shown = shown(&authority, &authority.signed(NAMES, |_| ()));
    let listen = format!(
        "[{{ address: \"127.0.0.1:0\", tls: {{ {shown} }} }}, {{ address: \"127.0.0.1:0\", proxy_protocol: true }}]"
    );
    let house = House::new(&listening(&mock.base_url(), &listen, "")).await;

    let mut slow: Vec<Box<dyn super::client::Io>> = Vec::new();
    for _ in 0..100 {
        slow.push(Box::new(tcp(at(&house, 0)).await));
    }
    // A record of a handshake that does not come whole.
    let mut begun = tcp(at(&house, 0)).await;
    begun.write_all(&[0x16, 3, 1, 2, 0, 1]).await.unwrap();
    slow.push(Box::new(begun));
    let mut header = tcp(at(&house, 1)).await;
    header.write_all(b"PROXY TCP4 192.0.2.7").await.unwrap();
    slow.push(Box::new(header));
    let http1 = Trust { offers: &[], ..trust(&authority) };
    let mut head = tls(tcp(at(&house, 0)).await, &http1).await.unwrap();
    head.write_all(HALF).await.unwrap();
    slow.push(Box::new(head));

    let start = Instant::now();
    let stream = tls(tcp(at(&house, 0)).await, &trust(&authority)).await.unwrap();
    assert_eq!(Connection::http2(stream).await.asked(CHAT).await.status, 200);
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());

    for (index, mut io) in slow.into_iter().enumerate() {
        let mut rest = Vec::new();
        let read = tokio::time::timeout(Duration::from_secs(20), io.read_to_end(&mut rest)).await;
        assert!(read.is_ok(), "connection {index} is still there");
    }
    assert!(start.elapsed() >= Duration::from_secs(9), "{:?}", start.elapsed());
}
