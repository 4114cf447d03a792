//! Load balancers that say where the client is.

use std::{
    net::SocketAddr,
    process::{Command, Stdio},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

use super::client::{Connection, Trust, at, listening, tcp, tls, trust};
use crate::{
    house::{CHAT, House, mock, tell},
    tls::Authority,
};

const SIGNATURE: &[u8] = b"\r\n\r\n\0\r\nQUIT\n";
const LINE: &[u8] = b"PROXY TCP4 192.0.2.7 203.0.113.1 56324 443\r\n";

/// The binary form for 192.0.2.7, with something behind the addresses.
fn block() -> Vec<u8> {
    let addresses = [192, 0, 2, 7, 203, 0, 113, 1, 0xdc, 0x04, 0x01, 0xbb];
    [SIGNATURE, &[0x21, 0x11, 0, 16], &addresses, &[4, 0, 1, 9]].concat()
}

async fn behind(address: SocketAddr, header: &[u8]) -> TcpStream {
    let mut stream = tcp(address).await;
    stream.write_all(header).await.unwrap();
    stream
}

#[tokio::test(flavor = "multi_thread")]
async fn the_client_is_where_the_balancer_says() {
    let mock = mock().await;
    let authority = Authority::new();
    let identity = authority.signed(&["localhost"], |_| ());
    let (cert, key) = (authority.write("c.pem", &identity.cert), authority.write("k.pem", &identity.key));
    let listen =
        format!("[127.0.0.1:0, {{ address: \"127.0.0.1:0\", tls: {{ cert: {cert}, key: {key} }} }}]");
    let house = House::new(&listening(&mock.base_url(), &listen, ", proxy_protocol: true")).await;
    let own: &[u8] = &[SIGNATURE, &[0x20, 0, 0, 0]].concat();
    let mut count = 0;
    for (header, peer) in [
        (LINE, "192.0.2.7:56324"),
        (&block(), "192.0.2.7:56324"),
        (b"PROXY UNKNOWN\r\n", "127.0.0.1:"),
        (own, "127.0.0.1:"),
        (b"PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n", "[2001:db8::7]:56324"),
    ] {
        let mut plain = Connection::http1(behind(at(&house, 0), header).await).await;
        let mut known = Connection::http2(behind(at(&house, 0), header).await).await;
        let stream = tls(behind(at(&house, 1), header).await, &trust(&authority)).await.unwrap();
        for client in [&mut plain, &mut known, &mut Connection::http2(stream).await] {
            assert_eq!(client.asked(CHAT).await.status, 200);
            count += 1;
            let record = house.records(count).await.remove(count - 1);
            assert!(record.peer.starts_with(peer), "{peer}: {record:?}");
        }
    }
    // Nobody gets in beside it.
    for start in
        [b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n".as_slice(), b"PROXY TCP4 nowhere\r\n", &[0; 40]]
    {
        let mut text = String::new();
        let read = behind(at(&house, 0), start).await.read_to_string(&mut text).await;
        assert!(text.is_empty(), "{text} ({read:?})");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_believed_who_need_not_be() {
    let mock = mock().await;
    let authority = Authority::new();
    let identity = authority.signed(&["localhost"], |_| ());
    let (cert, key) = (authority.write("c.pem", &identity.cert), authority.write("k.pem", &identity.key));
    let listen =
        format!("[127.0.0.1:0, {{ address: \"127.0.0.1:0\", tls: {{ cert: {cert}, key: {key} }} }}]");
    let house = House::new(&listening(&mock.base_url(), &listen, "")).await;
    for header in [LINE, &block()] {
        let mut text = String::new();
        let request =
            [header, b"GET /health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n"].concat();
        drop(behind(at(&house, 0), &request).await.read_to_string(&mut text).await);
        assert!(!text.contains("200"), "{text}");
        let http1 = Trust { offers: &[], ..trust(&authority) };
        assert!(tls(behind(at(&house, 1), header).await, &http1).await.is_err());
    }
    let mut client = Connection::http1(tcp(at(&house, 0)).await).await;
    let mut request = super::client::chat(&client, CHAT);
    for name in ["x-forwarded-for", "x-real-ip"] {
        request.headers_mut().insert(name, "192.0.2.7".parse().unwrap());
    }
    assert_eq!(client.send(request).await.unwrap().status(), 200);
    assert!(house.records(1).await[0].peer.starts_with("127.0.0.1:"));
}

#[tokio::test(flavor = "multi_thread")]
async fn haproxy_says_it() {
    let program = ["/usr/sbin/haproxy", "/usr/bin/haproxy"]
        .into_iter()
        .find(|path| std::fs::exists(path).unwrap_or(false));
    let Some(program) = program else { return tell("SKIPPED: haproxy is not installed") };
    let mock = mock().await;
    let listen = "[127.0.0.1:0, 127.0.0.1:0]";
    let house = House::new(&listening(&mock.base_url(), listen, ", proxy_protocol: true")).await;
    let folder = tempfile::tempdir().unwrap();
    let sockets = ["one", "two"].map(|name| folder.path().join(name));
    let mut text =
        "defaults\n  mode tcp\n  timeout connect 5s\n  timeout client 30s\n  timeout server 30s\n".to_owned();
    for (index, send) in ["send-proxy", "send-proxy-v2"].into_iter().enumerate() {
        // A balancer behind another, which says where the client is.
        let (socket, address) = (sockets[index].display(), at(&house, index));
        text.push_str(&format!(
            "listen l{index}\n  bind unix@{socket} accept-proxy\n  server s {address} {send}\n"
        ));
    }
    let config = folder.path().join("haproxy.cfg");
    std::fs::write(&config, text).unwrap();
    let mut child =
        Command::new(program).arg("-db").arg("-f").arg(&config).stderr(Stdio::null()).spawn().unwrap();
    let mut count = 0;
    for socket in &sockets {
        let mut stream = None;
        for _ in 0..100 {
            stream = tokio::net::UnixStream::connect(socket).await.ok();
            if stream.is_some() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        let mut stream = stream.unwrap();
        stream.write_all(LINE).await.unwrap();
        let answer = Connection::http1(stream).await.asked(CHAT).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        count += 1;
        assert_eq!(&*house.records(count).await[count - 1].peer, "192.0.2.7:56324");
    }
    child.kill().unwrap();
    child.wait().unwrap();
}
