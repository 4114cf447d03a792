//! `lockgate alerts test`: what it says of each receiver, and with which exit code.

use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::{SocketAddr, TcpListener},
    process::Output,
    thread,
};

use crate::lockgate;

/// A receiver that answers each request like that.
fn receiver(answer: &'static str) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = BufReader::new(stream.unwrap());
            let (mut line, mut length) = (String::new(), 0);
            while stream.read_line(&mut line).unwrap_or(0) > 2 {
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap();
                }
                line.clear();
            }
            let mut body = vec![0; length];
            stream.read_exact(&mut body).unwrap();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", answer.len());
            stream.get_mut().write_all(format!("{head}{answer}").as_bytes()).unwrap();
        }
    });
    address
}

fn run(config: &str, arguments: &[&str]) -> (Option<i32>, String, String) {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("lockgate.yaml");
    fs::write(&file, config).unwrap();
    let arguments = [&["alerts", "test", "--config", file.to_str().unwrap()], arguments].concat();
    let Output { status, stdout, stderr } = lockgate(&arguments, &[]).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (status.code(), text(stdout), text(stderr))
}

#[test]
fn each_receiver_is_told_of_with_a_code_for_scripts() {
    let (good, bad) = (receiver("ok"), receiver(r#"{"errcode":93000,"errmsg":"invalid webhook url"}"#));
    // Nobody listens there, so that the receivers are asked by the command itself.
    let config = format!(
        "server: {{ listen: \"127.0.0.1:1\" }}\nproviders: {{ openai: {{ kind: openai, api_key: k }} }}\n\
         alerts: {{ slack: \"http://{good}/services/hush-hush\", wecom: \"http://{bad}/send?key=hush-hush\" }}\n"
    );
    let (code, said, notes) = run(&config, &["--sink", "slack"]);
    assert_eq!(code, Some(0), "{said}{notes}");
    assert!(said.starts_with("slack: sent, after "), "{said}");
    assert!(notes.contains("no gateway answers"), "{notes}");

    let (code, said, notes) = run(&config, &[]);
    assert_eq!(code, Some(1), "{said}{notes}");
    assert!(
        said.contains("wecom: not sent, after ") && said.contains("93000: invalid webhook url"),
        "{said}"
    );
    assert!(!format!("{said}{notes}").contains("hush"), "{said}{notes}");

    let (code, said, notes) = run(&config, &["--sink", "pigeon"]);
    assert_eq!((code, said.as_str()), (Some(1), ""));
    assert!(notes.contains("`pigeon`: there is `slack`, `wecom`"), "{notes}");
}

#[test]
fn nobody_to_tell_is_said() {
    let config = "server: { listen: \"127.0.0.1:1\" }\nproviders: { openai: { kind: openai, api_key: k } }\n";
    let (code, said, notes) = run(config, &[]);
    assert_eq!((code, said.as_str()), (Some(1), ""));
    assert!(notes.contains("names none under `alerts`"), "{notes}");
}
