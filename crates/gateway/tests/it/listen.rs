//! Where the gateway can be reached: several listeners, TLS, HTTP/2, sockets, balancers; and how that changes as it runs.

mod balancers;
mod changes;
mod client;
mod http2;
mod pages;
mod sockets;
mod tls;
