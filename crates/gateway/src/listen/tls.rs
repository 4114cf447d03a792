//! TLS for clients: the certificate that is shown, and whose certificates are asked for.

use std::{path::Path, sync::Arc};

use lockgate_config::{ClientAuth, ServerTls};
use rustls::{RootCertStore, ServerConfig, crypto::ring, server::WebPkiClientVerifier};
use sha2::{Digest, Sha256};

use crate::pem;

/// What HTTP/2 over TLS is called where both sides agree on a protocol (RFC 9113, section 3.1).
pub(crate) const HTTP2: &[u8] = b"h2";
const HTTP1: &[u8] = b"http/1.1";

/// How TLS is done at a listener.
pub(crate) struct Tls {
    pub(crate) server: Arc<ServerConfig>,
    /// Of all that it was made from.
    digest: [u8; 32],
}

impl Tls {
    /// Reads the files that `written` names. If they say what made `before`, that is kept: with it stay the sessions that
    /// clients can resume.
    ///
    /// # Errors
    /// The file that cannot be used, and why. Nothing of its contents is repeated.
    pub(crate) fn new(written: &ServerTls, before: Option<&Arc<Self>>) -> Result<Arc<Self>, String> {
        let cert = read("cert", &written.cert)?;
        let key = read("key", &written.key)?;
        let client_ca = written.client_ca.as_deref().map(|file| read("client_ca", file)).transpose()?;
        let is_optional = written.client_auth == ClientAuth::Optional;

        let mut digest = Sha256::new();
        for part in [&cert, &key, client_ca.as_ref().unwrap_or(&Vec::new()), &vec![u8::from(is_optional)]] {
            digest.update((part.len() as u64).to_be_bytes());
            digest.update(part);
        }
        let digest = digest.finalize().into();
        if let Some(before) = before.filter(|before| before.digest == digest) {
            return Ok(Arc::clone(before));
        }

        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match &client_ca {
            None => builder.with_no_client_auth(),
            Some(text) => {
                let refuse = |fault: String| at("client_ca", written.client_ca.as_deref(), &fault);
                let mut roots = RootCertStore::empty();
                for authority in pem::certificates(text).map_err(refuse)? {
                    roots.add(authority).map_err(|error| refuse(format!("cannot be used: {error}")))?;
                }
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
                let verifier = if is_optional { verifier.allow_unauthenticated() } else { verifier };
                let verifier =
                    verifier.build().map_err(|error| refuse(format!("cannot be used: {error}")))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let chain = pem::certificates(&cert).map_err(|fault| at("cert", Some(&written.cert), &fault))?;
        let key = pem::key(&key).map_err(|fault| at("key", Some(&written.key), &fault))?;
        let mut server = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => {
                at("key", Some(&written.key), "is not the key of the certificate in `tls.cert`")
            }
            error => format!("`tls.cert` and `tls.key` cannot be used: {error}"),
        })?;
        server.alpn_protocols = vec![HTTP2.to_vec(), HTTP1.to_vec()];
        Ok(Arc::new(Self { server: Arc::new(server), digest }))
    }
}

fn read(setting: &str, file: &Path) -> Result<Vec<u8>, String> {
    pem::read(file).map_err(|fault| at(setting, Some(file), &fault))
}

fn at(setting: &str, file: Option<&Path>, fault: &str) -> String {
    format!("`tls.{setting}`: `{}` {fault}", file.unwrap_or(Path::new("")).display())
}
