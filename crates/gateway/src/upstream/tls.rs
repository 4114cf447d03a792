//! TLS to providers: whom to believe, what to show, and what is wrong with a certificate that was refused.

use std::{error::Error, fmt, io, path::Path, sync::Arc};

use lockgate_config as config;
use rustls::{
    AlertDescription, CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme,
    client::{
        WebPkiServerVerifier,
        danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
    },
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, ServerName, UnixTime},
};

use crate::pem;

/// What HTTP/2 over TLS is called where both sides agree on a protocol (RFC 9113, section 3.1).
const HTTP2: &[u8] = b"h2";

/// How TLS is done on one way out.
#[derive(Clone)]
pub(super) struct Tls {
    pub(super) client: Arc<ClientConfig>,
    /// The name to ask for in place of the host's.
    pub(super) server_name: Option<ServerName<'static>>,
}

impl Tls {
    /// Reads the files that `written` names.
    ///
    /// # Errors
    /// The setting that cannot be used, and why. Nothing of a file's contents is repeated.
    pub(super) fn new(written: &config::Tls) -> Result<Self, String> {
        let provider = Arc::new(ring::default_provider());
        let own = match &written.ca_file {
            Some(file) => certificates("ca_file", file)?,
            None => Vec::new(),
        };
        let verifier = Believed::new(own, &provider).map_err(|why| format!("`tls.ca_file`: {why}"))?;
        let builder = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier));
        let mut client = match (&written.cert_file, &written.key_file) {
            (Some(cert), Some(key)) => {
                let chain = certificates("cert_file", cert)?;
                let key = pem::read(Path::new(key))
                    .and_then(|text| pem::key(&text))
                    .map_err(|fault| format!("`tls.key_file`: `{key}` {fault}"))?;
                builder
                    .with_client_auth_cert(chain, key)
                    .map_err(|error| format!("`tls.cert_file` and `tls.key_file`: {error}"))?
            }
            _ => builder.with_no_client_auth(),
        };
        if written.http2 {
            client.alpn_protocols = vec![HTTP2.to_vec(), b"http/1.1".to_vec()];
        }
        let server_name = written.server_name.as_ref().map(|name| {
            ServerName::try_from(name.clone())
                .map_err(|_| "`tls.server_name` is neither a host name nor an IP address".to_owned())
        });
        Ok(Self { client: Arc::new(client), server_name: server_name.transpose()? })
    }

    /// Whether HTTP/2 is offered.
    pub(super) fn offers_http2(&self) -> bool {
        self.client.alpn_protocols.iter().any(|offered| offered == HTTP2)
    }

    /// The same for a proxy, which is asked for its roads in HTTP/1.1.
    pub(super) fn for_proxy(&self) -> ClientConfig {
        let mut client = ClientConfig::clone(&self.client);
        client.alpn_protocols.clear();
        client
    }
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tls").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}

fn certificates(setting: &str, file: &str) -> Result<Vec<CertificateDer<'static>>, String> {
    let found = pem::read(Path::new(file)).and_then(|text| pem::certificates(&text));
    found.map_err(|fault| format!("`tls.{setting}`: `{file}` {fault}"))
}

/// Believes the public roots, the operator's roots, and a server that shows the very certificate that the operator named:
/// such a certificate is often its own root, which the public rules refuse.
#[derive(Debug)]
struct Believed {
    named: Vec<CertificateDer<'static>>,
    chains: Arc<WebPkiServerVerifier>,
}

impl Believed {
    fn new(named: Vec<CertificateDer<'static>>, provider: &Arc<CryptoProvider>) -> Result<Self, String> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        for certificate in &named {
            roots.add(certificate.clone()).map_err(|error| error.to_string())?;
        }
        let chains =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
        Ok(Self { named, chains: chains.map_err(|error| error.to_string())? })
    }
}

impl ServerCertVerifier for Believed {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // That the server has the key for it is proven by the signature, which is checked in any case.
        if self.named.iter().any(|named| named == end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        self.chains.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chains.verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.chains.verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.chains.supported_verify_schemes()
    }
}

/// What is wrong between the two sides' certificates, if that is what an error comes from.
pub(super) fn distrust(error: &(dyn Error + 'static)) -> Option<String> {
    use CertificateError as Bad;
    match cause(error)? {
        rustls::Error::InvalidCertificate(bad) => Some(match bad {
            // A bad signature is most often one of another authority of the same name: of one that was made anew.
            Bad::UnknownIssuer | Bad::BadSignature => format!(
                "its certificate is signed by nobody who is known; if it is the right one, name it or its authority \
                 in `tls.ca_file` ({bad})"
            ),
            Bad::NotValidForName | Bad::NotValidForNameContext { .. } => format!(
                "its certificate is for another name; if it is the right server, write the name in \
                 `tls.server_name` ({bad})"
            ),
            Bad::Expired | Bad::ExpiredContext { .. } => format!("its certificate has expired ({bad})"),
            Bad::NotValidYet | Bad::NotValidYetContext { .. } => {
                format!("its certificate does not count yet; look at the clock here ({bad})")
            }
            bad => format!("its certificate cannot be accepted ({bad})"),
        }),
        rustls::Error::NoCertificatesPresented => Some("it shows no certificate".to_owned()),
        rustls::Error::AlertReceived(alert) if is_about_ours(*alert) => Some(format!(
            "it does not accept the certificate it is shown, or misses one: look at `tls.cert_file` ({alert:?})"
        )),
        _ => None,
    }
}

/// Whether an alert says that the other side wants another certificate of ours (RFC 8446, section 6.2).
fn is_about_ours(alert: AlertDescription) -> bool {
    use AlertDescription as Alert;
    matches!(
        alert,
        Alert::BadCertificate
            | Alert::DecryptError
            | Alert::UnsupportedCertificate
            | Alert::CertificateRevoked
            | Alert::CertificateExpired
            | Alert::CertificateUnknown
            | Alert::UnknownCA
            | Alert::AccessDenied
            | Alert::CertificateRequired
    )
}

/// The error of TLS at the bottom of an error. An I/O error's `source` skips the error it was made of.
fn cause<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    let mut next = Some(error);
    while let Some(error) = next {
        if let Some(found) = error.downcast_ref::<rustls::Error>() {
            return Some(found);
        }
        next = match error.downcast_ref::<io::Error>().and_then(io::Error::get_ref) {
            Some(inner) => Some(inner),
            None => error.source(),
        };
    }
    None
}
