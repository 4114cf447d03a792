//! One place that is listened at: a TCP port, or a socket in the file system.

use std::{
    fs, io,
    net::SocketAddr,
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt},
    path::{Path, PathBuf},
};

use lockgate_config::Address;
use tokio::net::{TcpListener, TcpSocket, TcpStream, UnixListener, UnixSocket, UnixStream};

use crate::files;

/// Most connections that wait to be accepted.
const BACKLOG: u32 = 4096;

/// A socket that listens.
#[derive(Debug)]
pub(super) enum Socket {
    Tcp(TcpListener),
    Unix(UnixListener, SocketFile),
}

/// A connection that was accepted.
#[derive(Debug)]
pub(crate) enum Accepted {
    /// From that address.
    Tcp(TcpStream, SocketAddr),
    /// By a program on this machine.
    Unix(UnixStream),
}

/// The file of a socket, which goes when it does.
#[derive(Debug)]
pub(super) struct SocketFile {
    path: PathBuf,
    /// The file system and the file in it: another one in its place is not ours.
    identity: Option<(u64, u64)>,
}

impl Socket {
    /// Listens at `address`, with that mode if it is a file. Of `leaving` the ports may be taken over before they are
    /// given up.
    pub(super) fn bind(address: &Address, mode: u32, leaving: &[&Self]) -> io::Result<Self> {
        match address {
            Address::Ip(address) => match tcp(*address, false) {
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => {
                    beside(*address, leaving).unwrap_or(Err(error)).map(Self::Tcp)
                }
                bound => bound.map(Self::Tcp),
            },
            Address::Unix(path) => unix(&written(path), mode),
        }
    }

    pub(super) async fn accept(&self) -> io::Result<Accepted> {
        match self {
            Self::Tcp(listener) => listener.accept().await.map(|(stream, peer)| Accepted::Tcp(stream, peer)),
            Self::Unix(listener, _) => listener.accept().await.map(|(stream, _)| Accepted::Unix(stream)),
        }
    }

    /// The address, with the real port.
    pub(super) fn address(&self) -> Option<Address> {
        match self {
            Self::Tcp(listener) => listener.local_addr().ok().map(Address::Ip),
            Self::Unix(_, file) => Some(Address::Unix(file.path.clone())),
        }
    }

    /// Sets who may connect, where that is a matter of files.
    pub(super) fn set_mode(&self, mode: u32) -> io::Result<()> {
        match self {
            Self::Tcp(_) => Ok(()),
            Self::Unix(_, file) => fs::set_permissions(&file.path, fs::Permissions::from_mode(mode)),
        }
    }
}

fn tcp(address: SocketAddr, is_shared: bool) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4() } else { TcpSocket::new_v6() }?;
    // So that a restart is not refused while old connections linger.
    socket.set_reuseaddr(true)?;
    if is_shared {
        socket.set_reuseport(true)?;
    }
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Listens at a port that some of `leaving` still listen at, on other addresses: from all to one, or the other way. It is
/// shared for this moment only: another gateway finds it in use. Nothing if none of them is at that port.
fn beside(address: SocketAddr, leaving: &[&Socket]) -> Option<io::Result<TcpListener>> {
    let is_there = |listener: &&TcpListener| {
        listener.local_addr().is_ok_and(|other| other.port() == address.port() && other != address)
    };
    let there: Vec<&TcpListener> = leaving
        .iter()
        .filter_map(|socket| match socket {
            Socket::Tcp(listener) => Some(listener),
            Socket::Unix(..) => None,
        })
        .filter(is_there)
        .collect();
    let share =
        |listener: &TcpListener, is_shared| socket2::SockRef::from(listener).set_reuse_port(is_shared);
    let taken_over = || {
        there.iter().try_for_each(|listener| share(listener, true))?;
        let bound = tcp(address, true)?;
        share(&bound, false)?;
        Ok(bound)
    };
    let bound = (!there.is_empty()).then(taken_over);
    for listener in &there {
        if let Err(error) = share(listener, false) {
            tracing::debug!(%error, "cannot take back that a port is shared");
        }
    }
    bound
}

fn unix(path: &Path, mode: u32) -> io::Result<Socket> {
    match fs::symlink_metadata(path) {
        Ok(there) if !there.file_type().is_socket() => {
            let text = "a file is there that is no socket: name another path, or remove it";
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, text));
        }
        Ok(_) => match std::os::unix::net::UnixStream::connect(path) {
            // What a gateway left behind that was killed.
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path)?,
            Err(error) => return Err(error),
            Ok(_) => {
                let text = "another program listens on this socket";
                return Err(io::Error::new(io::ErrorKind::AddrInUse, text));
            }
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let socket = UnixSocket::new_stream()?;
    socket.bind(path)?;
    let identity = fs::symlink_metadata(path).ok().map(|file| (file.dev(), file.ino()));
    let file = SocketFile { path: path.to_owned(), identity };
    // Nobody can connect before it listens.
    fs::set_permissions(path, fs::Permissions::from_mode(mode))?;
    Ok(Socket::Unix(socket.listen(BACKLOG)?, file))
}

fn written(path: &Path) -> PathBuf {
    path.to_str().map_or_else(|| path.to_owned(), files::written)
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let now = fs::symlink_metadata(&self.path).ok().map(|file| (file.dev(), file.ino()));
        if now.is_some() && now == self.identity {
            // Left behind, it is removed by who next listens there.
            drop(fs::remove_file(&self.path));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    #[tokio::test]
    async fn a_socket_left_behind_is_replaced_and_one_in_use_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gate.sock");
        let address = Address::Unix(path.clone());
        // Dropped without anybody to remove its file.
        drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
        let first = Socket::bind(&address, 0o600, &[]).unwrap();
        assert_eq!(mode(&path), 0o600);
        first.set_mode(0o660).unwrap();
        assert_eq!(mode(&path), 0o660);
        let second = Socket::bind(&address, 0o600, &[]).unwrap_err();
        assert_eq!(second.kind(), io::ErrorKind::AddrInUse, "{second}");
        drop(first);
        assert!(!path.exists(), "its file goes with it");

        fs::write(&path, "precious").unwrap();
        let error = Socket::bind(&address, 0o600, &[]).unwrap_err();
        assert!(error.to_string().contains("no socket"), "{error}");
        assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
    }

    #[tokio::test]
    async fn a_file_of_somebody_else_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("gate.sock");
        let first = Socket::bind(&Address::Unix(path.clone()), 0o600, &[]).unwrap();
        fs::remove_file(&path).unwrap();
        let other = std::os::unix::net::UnixListener::bind(&path).unwrap();
        drop(first);
        assert!(path.exists());
        drop(other);
    }

    #[tokio::test]
    async fn a_port_passes_from_one_address_to_all_and_is_nobody_elses() {
        let one = Socket::bind(&Address::Ip("127.0.0.1:0".parse().unwrap()), 0, &[]).unwrap();
        let Some(Address::Ip(at)) = one.address() else { panic!("no address") };
        let all = Address::Ip(SocketAddr::from(([0, 0, 0, 0], at.port())));
        assert_eq!(Socket::bind(&all, 0, &[]).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        let wide = Socket::bind(&all, 0, &[&one]).unwrap();
        // Neither of them is free for the next one.
        for ip in [[127, 0, 0, 1], [127, 0, 0, 2], [0, 0, 0, 0]] {
            let taken = tcp(SocketAddr::from((ip, at.port())), false).unwrap_err();
            assert_eq!(taken.kind(), io::ErrorKind::AddrInUse);
        }
        drop(one);
        TcpStream::connect(at).await.unwrap();
        let Accepted::Tcp(..) = wide.accept().await.unwrap() else { panic!("another kind") };
        // An address that stays is not given away.
        let again = Socket::bind(&all, 0, &[&wide]).unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AddrInUse);
    }
}
