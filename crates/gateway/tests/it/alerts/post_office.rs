//! A mail server that keeps what it was sent: as little of RFC 5321, 3207 and 4954 as one letter takes.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
};

use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::{ServerConfig, crypto::ring};
use tokio::{
    io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader},
    net::TcpListener,
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::{house::loopback, tls::Identity};

/// One letter.
#[derive(Debug, Clone, Default)]
pub(crate) struct Letter {
    pub(crate) hello: String,
    pub(crate) from: String,
    pub(crate) to: Vec<String>,
    pub(crate) text: String,
    /// Who signed in, as `user:password`.
    pub(crate) user: Option<String>,
    pub(crate) is_encrypted: bool,
}

/// A mail server.
pub(crate) struct PostOffice {
    pub(crate) address: SocketAddr,
    letters: Arc<Mutex<Vec<Letter>>>,
    task: JoinHandle<()>,
}

/// When it speaks TLS.
#[derive(Clone)]
pub(crate) enum Cover {
    Never,
    /// When it is asked to.
    Asked(Arc<ServerConfig>),
    Always(Arc<ServerConfig>),
}

trait Wire: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> Wire for T {}

pub(crate) fn tls(identity: &Identity) -> Arc<ServerConfig> {
    let (chain, key) = identity.parts();
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
    let builder = builder.with_safe_default_protocol_versions().unwrap().with_no_client_auth();
    Arc::new(builder.with_single_cert(chain, key).unwrap())
}

impl PostOffice {
    /// One that takes letters of whoever signs in as `user` (`user:password`), or of anybody.
    pub(crate) async fn new(cover: Cover, user: Option<String>) -> Self {
        let listener = TcpListener::bind(loopback()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let letters = Arc::new(Mutex::new(Vec::new()));
        let known = Arc::clone(&letters);
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let wire: Box<dyn Wire> = match &cover {
                    Cover::Always(config) => match TlsAcceptor::from(Arc::clone(config)).accept(stream).await
                    {
                        Ok(stream) => Box::new(stream),
                        Err(_) => continue,
                    },
                    _ => Box::new(stream),
                };
                // A client that goes away is no letter.
                if let Some(letter) = serve(wire, &cover, user.as_deref()).await {
                    known.lock().unwrap().push(letter);
                }
            }
        });
        Self { address, letters, task }
    }

    pub(crate) fn letters(&self) -> Vec<Letter> {
        self.letters.lock().unwrap().clone()
    }
}

impl Drop for PostOffice {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(wire: Box<dyn Wire>, cover: &Cover, wanted: Option<&str>) -> Option<Letter> {
    let mut letter = Letter { is_encrypted: matches!(cover, Cover::Always(_)), ..Letter::default() };
    let mut wire = BufReader::new(wire);
    let mut is_whole = false;
    wire.write_all(b"220 mail.test ready\r\n").await.ok()?;
    loop {
        let mut line = String::new();
        if wire.read_line(&mut line).await.ok()? == 0 {
            return is_whole.then_some(letter);
        }
        let line = line.trim_end();
        let (word, rest) = line.split_once(' ').unwrap_or((line, ""));
        let may_send = wanted.is_none() || letter.user.as_deref() == wanted;
        let answer = match word.to_ascii_uppercase().as_str() {
            "EHLO" => {
                rest.clone_into(&mut letter.hello);
                let starts = matches!(cover, Cover::Asked(_)) && !letter.is_encrypted;
                let starttls = if starts { "250-STARTTLS\r\n" } else { "" };
                format!("250-mail.test\r\n{starttls}250-AUTH PLAIN\r\n250 8BITMIME")
            }
            "STARTTLS" => {
                let Cover::Asked(config) = cover else { return None };
                wire.write_all(b"220 go on\r\n").await.ok()?;
                let inner = TlsAcceptor::from(Arc::clone(config)).accept(wire.into_inner()).await.ok()?;
                wire = BufReader::new(Box::new(inner));
                letter.is_encrypted = true;
                continue;
            }
            "AUTH" => {
                let shown = BASE64_STANDARD.decode(rest.strip_prefix("PLAIN ")?).ok()?;
                let shown = String::from_utf8(shown).ok()?;
                let mut parts = shown.split('\0').skip(1);
                letter.user = Some(format!("{}:{}", parts.next()?, parts.next()?));
                match letter.user.as_deref() == wanted {
                    true => "235 welcome".to_owned(),
                    // Some servers repeat what they were shown.
                    false => format!("535 no such user: {}", shown.replace('\0', " ")),
                }
            }
            _ if !may_send => "530 sign in first".to_owned(),
            "MAIL" => {
                rest.clone_into(&mut letter.from);
                "250 ok".to_owned()
            }
            "RCPT" => {
                letter.to.push(rest.to_owned());
                "250 ok".to_owned()
            }
            "DATA" => {
                wire.write_all(b"354 go on\r\n").await.ok()?;
                while !letter.text.ends_with("\r\n.\r\n") {
                    if wire.read_line(&mut letter.text).await.ok()? == 0 {
                        return None;
                    }
                }
                is_whole = true;
                "250 taken".to_owned()
            }
            "QUIT" => {
                let _ = wire.write_all(b"221 bye\r\n").await;
                return is_whole.then_some(letter);
            }
            _ => "500 what".to_owned(),
        };
        wire.write_all(format!("{answer}\r\n").as_bytes()).await.ok()?;
    }
}
