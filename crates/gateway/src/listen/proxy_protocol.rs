//! The header that a load balancer puts before a connection to say where the client is.
//!
//! The facts are those of HAProxy's specification, `proxy-protocol.txt`, versions 1 and 2.

use std::{
    io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    str::FromStr,
};

use tokio::io::{AsyncRead, AsyncReadExt};

/// How the binary form begins.
const SIGNATURE: &[u8; 12] = b"\r\n\r\n\0\r\nQUIT\n";
/// How the text form begins.
const WORD: &[u8] = b"PROXY ";
/// Most bytes of the text form, its line break included.
const LONGEST_LINE: usize = 107;
/// The balancer's own connection, such as a check.
const LOCAL: u8 = 0x20;
/// A client's.
const PROXY: u8 = 0x21;
const TCP_OVER_IPV4: u8 = 0x11;
const TCP_OVER_IPV6: u8 = 0x21;

/// Reads the header, and not a byte behind it. Nothing is said of the client of a connection that is the balancer's own,
/// or that came to it by other ways than TCP.
pub(crate) async fn read<IO: AsyncRead + Unpin>(io: &mut IO) -> io::Result<Option<SocketAddr>> {
    // Both forms are longer than that.
    let mut start = [0; SIGNATURE.len()];
    io.read_exact(&mut start).await?;
    if start == *SIGNATURE {
        binary(io).await
    } else if start.starts_with(WORD) {
        text(io, &start).await
    } else {
        Err(malformed("it does not begin with a PROXY protocol header"))
    }
}

async fn binary<IO: AsyncRead + Unpin>(io: &mut IO) -> io::Result<Option<SocketAddr>> {
    let mut head = [0; 4];
    io.read_exact(&mut head).await?;
    let [command, family, length @ ..] = head;
    if !matches!(command, LOCAL | PROXY) {
        return Err(malformed("its PROXY protocol header is of an unknown version or command"));
    }
    let mut left = usize::from(u16::from_be_bytes(length));
    let addresses = match family {
        _ if command == LOCAL => 0,
        TCP_OVER_IPV4 => 12,
        TCP_OVER_IPV6 => 36,
        _ => 0,
    };
    let mut block = [0; 36];
    if left < addresses {
        return Err(malformed("its PROXY protocol header is too short for its addresses"));
    }
    io.read_exact(&mut block[..addresses]).await?;
    left -= addresses;
    // What follows the addresses says other things of the connection.
    let mut scratch = [0; 256];
    while left > 0 {
        let piece = left.min(scratch.len());
        io.read_exact(&mut scratch[..piece]).await?;
        left -= piece;
    }
    // Source, destination, the source's port, the destination's.
    Ok(match addresses {
        12 => {
            let ip = Ipv4Addr::new(block[0], block[1], block[2], block[3]);
            Some(SocketAddr::new(IpAddr::V4(ip), u16::from_be_bytes([block[8], block[9]])))
        }
        36 => {
            let mut ip = [0; 16];
            ip.copy_from_slice(&block[..16]);
            let port = u16::from_be_bytes([block[32], block[33]]);
            Some(SocketAddr::new(IpAddr::V6(Ipv6Addr::from(ip)), port))
        }
        _ => None,
    })
}

async fn text<IO: AsyncRead + Unpin>(io: &mut IO, start: &[u8]) -> io::Result<Option<SocketAddr>> {
    let mut line = [0; LONGEST_LINE];
    line[..start.len()].copy_from_slice(start);
    let mut length = start.len();
    // Byte by byte: what comes behind is the client's.
    while !line[..length].ends_with(b"\r\n") {
        if length == LONGEST_LINE {
            return Err(malformed("its PROXY protocol header is too long"));
        }
        io.read_exact(&mut line[length..=length]).await?;
        length += 1;
    }
    client(&line[..length - 2]).ok_or_else(|| malformed("its PROXY protocol header cannot be read"))
}

/// The client that a line without its end names.
fn client(line: &[u8]) -> Option<Option<SocketAddr>> {
    let mut words = std::str::from_utf8(line).ok()?.split(' ').skip(1);
    let family = words.next()?;
    if family == "UNKNOWN" {
        return Some(None);
    }
    let words: Vec<&str> = words.collect();
    let [source, destination, source_port, destination_port] = words.as_slice() else { return None };
    let ip = match family {
        "TCP4" => IpAddr::V4(both::<Ipv4Addr>(source, destination)?),
        "TCP6" => IpAddr::V6(both::<Ipv6Addr>(source, destination)?),
        _ => return None,
    };
    let port = both::<u16>(source_port, destination_port)?;
    Some(Some(SocketAddr::new(ip, port)))
}

/// The first of two, if both can be read.
fn both<T: FromStr>(first: &str, second: &str) -> Option<T> {
    second.parse::<T>().ok()?;
    first.parse().ok()
}

fn malformed(why: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Reads `bytes` with a request behind them, which must still be there.
    #[track_caller]
    fn check(bytes: &[u8], expect: Result<Option<&str>, &str>) {
        const REQUEST: &[u8] = b"GET / HTTP/1.1\r\n\r\n";
        let all = [bytes, REQUEST].concat();
        let mut rest = all.as_slice();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = runtime.block_on(read(&mut rest));
        let is_read = read.is_ok();
        let read =
            read.map(|client| client.map(|client| client.to_string())).map_err(|error| error.to_string());
        assert_eq!(read.as_ref().map(Option::as_deref).map_err(String::as_str), expect);
        assert!(!is_read || rest == REQUEST, "a byte of the request is gone or one of the header is left");
    }

    fn binary(command: u8, family: u8, length: u16, block: &[u8]) -> Vec<u8> {
        [SIGNATURE.as_slice(), &[command, family], &length.to_be_bytes(), block].concat()
    }

    #[test]
    fn lines_are_read() {
        check(b"PROXY TCP4 192.0.2.7 203.0.113.1 56324 443\r\n", Ok(Some("192.0.2.7:56324")));
        check(b"PROXY TCP6 2001:db8::7 2001:db8::1 56324 443\r\n", Ok(Some("[2001:db8::7]:56324")));
        check(b"PROXY UNKNOWN\r\n", Ok(None));
        check(b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n", Ok(None));
        let unreadable = Err("its PROXY protocol header cannot be read");
        check(b"PROXY TCP4 2001:db8::7 203.0.113.1 56324 443\r\n", unreadable);
        check(b"PROXY TCP4 192.0.2.7 203.0.113.1 56324\r\n", unreadable);
        check(b"PROXY TCP4 192.0.2.7 203.0.113.1 66324 443\r\n", unreadable);
        check(b"PROXY UDP4 192.0.2.7 203.0.113.1 56324 443\r\n", unreadable);
        check(b"PROXY TCP4 192.0.2.7  203.0.113.1 56324 443\r\n", unreadable);
        check(
            &[b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat(),
            Err("its PROXY protocol header is too long"),
        );
        check(b"", Err("it does not begin with a PROXY protocol header"));
        check(
            b"POST /v1/chat/completions HTTP/1.1\r\n",
            Err("it does not begin with a PROXY protocol header"),
        );
    }

    #[test]
    fn blocks_are_read() {
        let ipv4 =
            [&[192, 0, 2, 7, 203, 0, 113, 1][..], &56324_u16.to_be_bytes(), &443_u16.to_be_bytes()].concat();
        check(&binary(PROXY, TCP_OVER_IPV4, 12, &ipv4), Ok(Some("192.0.2.7:56324")));
        let with_more = [ipv4.as_slice(), &[0xee; 700]].concat();
        check(&binary(PROXY, TCP_OVER_IPV4, 712, &with_more), Ok(Some("192.0.2.7:56324")));
        let address = "2001:db8::7".parse::<Ipv6Addr>().unwrap().octets();
        let ipv6 = [&address[..], &address, &56324_u16.to_be_bytes(), &443_u16.to_be_bytes()].concat();
        check(&binary(PROXY, TCP_OVER_IPV6, 36, &ipv6), Ok(Some("[2001:db8::7]:56324")));
        check(&binary(LOCAL, 0, 0, &[]), Ok(None));
        // The balancer's own connection, whatever it says of addresses.
        check(&binary(LOCAL, TCP_OVER_IPV4, 12, &ipv4), Ok(None));
        // A socket in the file system.
        check(&binary(PROXY, 0x31, 216, &[1; 216]), Ok(None));
        let unknown = Err("its PROXY protocol header is of an unknown version or command");
        check(&binary(0x11, TCP_OVER_IPV4, 12, &ipv4), unknown);
        check(&binary(0x22, TCP_OVER_IPV4, 12, &ipv4), unknown);
        let short = Err("its PROXY protocol header is too short for its addresses");
        check(&binary(PROXY, TCP_OVER_IPV6, 12, &ipv4), short);
    }

    #[test]
    fn a_header_that_ends_is_none() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let whole = b"PROXY TCP4 192.0.2.7 203.0.113.1 56324 443\r\n";
        for end in 0..whole.len() {
            let error = runtime.block_on(read(&mut &whole[..end])).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::UnexpectedEof, "after {end} bytes");
        }
    }
}
