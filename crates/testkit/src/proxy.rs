//! A small HTTP and SOCKS 5 proxy that writes down whom it led where. One thread for each direction of a connection.

use std::{
    io::{self, Read, Write},
    net::{Ipv4Addr, Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::Duration,
};

use crate::base64;

/// Most connections that one proxy takes.
const MAX_CONNECTIONS: usize = 1000;
/// Longest head of an HTTP request.
const MAX_HEAD: usize = 64 * 1024;
/// How long one read of a greeting may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// What a proxy speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Speaks {
    /// `CONNECT`, and whole addresses in requests.
    Http,
    /// SOCKS 5 with addresses and names.
    Socks5,
}

/// What a proxy was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Asked {
    /// `connect`, `socks5`, or the method of a request with a whole address.
    pub how: String,
    /// Host and port, as the proxy was told them.
    pub place: String,
    /// False if it was turned away for its user name or password.
    pub is_welcome: bool,
}

/// A running proxy; dropping it ends it.
#[derive(Debug)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    speaks: Speaks,
    /// The user name and password it wants.
    user: Option<(String, String)>,
    /// Where it leads in place of where it is asked to.
    lead: Option<SocketAddr>,
    asked: Mutex<Vec<Asked>>,
    is_over: AtomicBool,
}

impl Proxy {
    /// Starts a proxy that wants `user`, and leads to `lead` whatever it is asked for.
    ///
    /// # Errors
    /// When no port can be bound.
    pub fn start(speaks: Speaks, user: Option<(&str, &str)>, lead: Option<SocketAddr>) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let user = user.map(|(name, password)| (name.to_owned(), password.to_owned()));
        let (asked, is_over) = (Mutex::default(), AtomicBool::new(false));
        let inner = Arc::new(Inner { speaks, user, lead, asked, is_over });
        let here = Arc::clone(&inner);
        thread::spawn(move || {
            for client in listener.incoming().take(MAX_CONNECTIONS).flatten() {
                if here.is_over.load(Ordering::SeqCst) {
                    return;
                }
                let inner = Arc::clone(&here);
                // A client that goes away, or a place that is not there, ends one connection.
                thread::spawn(move || inner.serve(client).ok());
            }
        });
        Ok(Self { address, inner })
    }

    /// What it was asked for so far, in order.
    pub fn asked(&self) -> Vec<Asked> {
        self.inner.asked.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.inner.is_over.store(true, Ordering::SeqCst);
        // Wakes the thread that waits for a connection.
        drop(TcpStream::connect(self.address));
    }
}

impl Inner {
    fn serve(&self, client: TcpStream) -> io::Result<()> {
        client.set_read_timeout(Some(PATIENCE))?;
        let (server, first) = match self.speaks {
            Speaks::Http => self.http(&client)?,
            Speaks::Socks5 => (self.socks(&client)?, Vec::new()),
        };
        client.set_read_timeout(None)?;
        (&server).write_all(&first)?;
        let (from, to) = (client.try_clone()?, server.try_clone()?);
        thread::spawn(move || pour(from, to));
        pour(server, client);
        Ok(())
    }

    fn note(&self, how: &str, place: &str, is_welcome: bool) {
        let asked = Asked { how: how.to_owned(), place: place.to_owned(), is_welcome };
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).push(asked);
    }

    fn reach(&self, place: &str) -> io::Result<TcpStream> {
        match self.lead {
            Some(lead) => TcpStream::connect(lead),
            None => TcpStream::connect(place),
        }
    }

    /// The server, and what it is to be sent first.
    fn http(&self, mut client: &TcpStream) -> io::Result<(TcpStream, Vec<u8>)> {
        let (head, rest) = head(client)?;
        let mut lines = head.split("\r\n");
        let mut words = lines.next().unwrap_or_default().splitn(3, ' ');
        let (method, target) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
        let shown = lines.clone().find_map(|line| {
            let (name, value) = line.split_once(':')?;
            name.eq_ignore_ascii_case("proxy-authorization").then(|| value.trim().to_owned())
        });
        let wanted = self.user.as_ref().map(|(name, password)| {
            format!("Basic {}", base64::encode(format!("{name}:{password}").as_bytes()))
        });
        let is_welcome = wanted.is_none() || shown == wanted;
        let is_tunnel = method == "CONNECT";
        let (place, path) = match target.strip_prefix("http://") {
            Some(rest) => rest.split_at(rest.find('/').unwrap_or(rest.len())),
            None => (target, ""),
        };
        self.note(if is_tunnel { "connect" } else { method }, place, is_welcome);
        if !is_welcome {
            client.write_all(b"HTTP/1.1 407 Proxy Authentication Required\r\ncontent-length: 0\r\n\r\n")?;
            return Err(io::Error::other("not welcome"));
        }
        let Ok(server) = self.reach(place) else {
            client.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n")?;
            return Err(io::Error::other("no such place"));
        };
        if is_tunnel {
            client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n")?;
            return Ok((server, rest));
        }
        // One request for each connection, so that no second head has to be rewritten.
        let kept = lines.filter(|line| {
            let name = line.split(':').next().unwrap_or_default().to_ascii_lowercase();
            !line.is_empty() && name != "proxy-authorization" && name != "connection"
        });
        let path = if path.is_empty() { "/" } else { path };
        let head = [format!("{method} {path} HTTP/1.1"), "connection: close".to_owned()].into_iter();
        let head: Vec<String> = head.chain(kept.map(str::to_owned)).collect();
        Ok((server, [format!("{}\r\n\r\n", head.join("\r\n")).as_bytes(), &rest].concat()))
    }

    /// RFC 1928 and RFC 1929.
    fn socks(&self, mut client: &TcpStream) -> io::Result<TcpStream> {
        let [_, count] = bytes(client)?;
        let methods = many(client, count)?;
        let method = if self.user.is_some() { 2 } else { 0 };
        if !methods.contains(&method) {
            self.note("socks5", "", false);
            client.write_all(&[5, 0xff])?;
            return Err(io::Error::other("not welcome"));
        }
        client.write_all(&[5, method])?;
        if let Some(user) = &self.user {
            let [_, length] = bytes(client)?;
            let name = many(client, length)?;
            let [length] = bytes(client)?;
            let is_welcome = name == user.0.as_bytes() && many(client, length)? == user.1.as_bytes();
            client.write_all(&[1, u8::from(!is_welcome)])?;
            if !is_welcome {
                self.note("socks5", "", false);
                return Err(io::Error::other("not welcome"));
            }
        }
        let [_, _, _, kind] = bytes(client)?;
        let host = match kind {
            1 => Ipv4Addr::from(bytes::<4>(client)?).to_string(),
            3 => {
                let [length] = bytes(client)?;
                String::from_utf8_lossy(&many(client, length)?).into_owned()
            }
            _ => format!("[{}]", std::net::Ipv6Addr::from(bytes::<16>(client)?)),
        };
        let place = format!("{host}:{}", u16::from_be_bytes(bytes(client)?));
        self.note("socks5", &place, true);
        let server = self.reach(&place);
        let reply = if server.is_ok() { 0 } else { 5 };
        client.write_all(&[5, reply, 0, 1, 0, 0, 0, 0, 0, 0])?;
        server
    }
}

fn bytes<const N: usize>(mut from: &TcpStream) -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

fn many(mut from: &TcpStream, count: u8) -> io::Result<Vec<u8>> {
    let mut bytes = vec![0; usize::from(count)];
    from.read_exact(&mut bytes)?;
    Ok(bytes)
}

/// The head of a request, without its last empty line, and what came with it.
fn head(mut from: &TcpStream) -> io::Result<(String, Vec<u8>)> {
    let mut read = Vec::new();
    let mut piece = [0; 4096];
    while read.len() < MAX_HEAD {
        let count = from.read(&mut piece)?;
        if count == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        read.extend_from_slice(&piece[..count]);
        if let Some(end) = read.windows(4).position(|four| four == b"\r\n\r\n") {
            let rest = read.split_off(end + 4);
            read.truncate(end);
            return Ok((String::from_utf8_lossy(&read).into_owned(), rest));
        }
    }
    Err(io::Error::other("the head is too long"))
}

fn pour(mut from: TcpStream, mut to: TcpStream) {
    // Either side may be gone already.
    let _ = io::copy(&mut from, &mut to);
    let _ = to.shutdown(Shutdown::Write);
}
