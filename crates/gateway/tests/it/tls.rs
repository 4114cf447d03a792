//! TLS in front of a mock: authorities, certificates and servers of one test.

use std::{
    net::SocketAddr,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, ExtendedKeyUsagePurpose, IsCa, KeyPair,
    date_time_ymd,
};
use rustls::{
    RootCertStore, ServerConfig,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
    server::WebPkiClientVerifier,
};
use tempfile::TempDir;
use tokio::{
    io::{AsyncWriteExt, copy, copy_bidirectional, sink},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_rustls::TlsAcceptor;

use crate::house::watch_pem;

/// An authority of one test, and a folder for the files of its world.
pub(crate) struct Authority {
    issuer: CertifiedIssuer<'static, KeyPair>,
    folder: TempDir,
}

/// A certificate and its key, both in PEM form.
pub(crate) struct Identity {
    pub(crate) cert: String,
    pub(crate) key: String,
}

/// A server that takes TLS off and passes on what was in it.
pub(crate) struct Front {
    pub(crate) address: SocketAddr,
    /// What was agreed on with each connection.
    spoken: Arc<Mutex<Vec<String>>>,
    task: JoinHandle<()>,
}

impl Authority {
    pub(crate) fn new() -> Self {
        Self::named("Harbour CA")
    }

    /// One with that name; two of the same name are not the same.
    pub(crate) fn named(name: &str) -> Self {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.distinguished_name.push(DnType::CommonName, name);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        watch_pem("authority's key", &key.serialize_pem());
        let issuer = CertifiedIssuer::self_signed(params, key).unwrap();
        Self { issuer, folder: tempfile::tempdir().unwrap() }
    }

    /// A certificate for these names, signed by the authority after `change`.
    pub(crate) fn signed(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let mut params = params(names);
        change(&mut params);
        let key = new_key();
        Identity { cert: params.signed_by(&key, &self.issuer).unwrap().pem(), key: key.serialize_pem() }
    }

    /// The file with the authority's certificate.
    pub(crate) fn file(&self) -> String {
        self.write("ca.pem", &self.issuer.pem())
    }

    /// Writes a file; its path.
    pub(crate) fn write(&self, name: &str, contents: &str) -> String {
        let path: PathBuf = self.folder.path().join(name);
        std::fs::write(&path, contents).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

impl Identity {
    /// A certificate that signs itself and says that it may sign others, as `openssl req -x509` makes them.
    pub(crate) fn of_its_own(names: &[&str]) -> Self {
        let mut params = params(names);
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = new_key();
        Self { cert: params.self_signed(&key).unwrap().pem(), key: key.serialize_pem() }
    }

    pub(crate) fn parts(&self) -> (Vec<CertificateDer<'static>>, PrivateKeyDer<'static>) {
        let cert = CertificateDer::from_pem_slice(self.cert.as_bytes()).unwrap();
        (vec![cert], PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap())
    }
}

/// Yesterday's.
pub(crate) fn expired(params: &mut CertificateParams) {
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(2021, 1, 1);
}

fn params(names: &[&str]) -> CertificateParams {
    let mut params =
        CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.extended_key_usages =
        vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
    params
}

fn new_key() -> KeyPair {
    let key = KeyPair::generate().unwrap();
    watch_pem("private key", &key.serialize_pem());
    key
}

/// Takes TLS off, showing `identity` and offering these protocols, which may be none; with `clients` it takes only those
/// whose certificate that one signed.
pub(crate) fn acceptor(identity: &Identity, clients: Option<&Authority>, offered: &[&str]) -> TlsAcceptor {
    let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap();
    let builder = match clients {
        Some(authority) => {
            let mut roots = RootCertStore::empty();
            roots.add(authority.issuer.der().clone()).unwrap();
            let provider = Arc::new(ring::default_provider());
            let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
            builder.with_client_cert_verifier(verifier.build().unwrap())
        }
        None => builder.with_no_client_auth(),
    };
    let (chain, key) = identity.parts();
    let mut config = builder.with_single_cert(chain, key).unwrap();
    config.alpn_protocols = offered.iter().map(|offered| offered.as_bytes().to_vec()).collect();
    TlsAcceptor::from(Arc::new(config))
}

impl Front {
    /// In front of `behind`, showing `identity`; with `clients` it takes only those whose certificate that one signed.
    pub(crate) async fn new(behind: SocketAddr, identity: &Identity, clients: Option<&Authority>) -> Self {
        Self::offering(behind, identity, clients, &[]).await
    }

    /// The same, offering these protocols.
    pub(crate) async fn offering(
        behind: SocketAddr,
        identity: &Identity,
        clients: Option<&Authority>,
        offered: &[&str],
    ) -> Self {
        let acceptor = acceptor(identity, clients, offered);
        let spoken = Arc::<Mutex<Vec<String>>>::default();
        let noted = Arc::clone(&spoken);
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        #[allow(clippy::disallowed_methods, reason = "aborted on drop")]
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (acceptor, noted) = (acceptor.clone(), Arc::clone(&noted));
                #[allow(clippy::disallowed_methods, reason = "ends with its connection")]
                tokio::spawn(async move {
                    let mut inside = match acceptor.accept(stream).into_fallible().await {
                        Ok(inside) => inside,
                        Err((_, mut stream)) => {
                            // What was said last is lost if the connection is closed over unread bytes.
                            let _ = stream.shutdown().await;
                            let _ = copy(&mut stream, &mut sink()).await;
                            return;
                        }
                    };
                    let is_http2 = inside.get_ref().1.alpn_protocol() == Some(b"h2");
                    noted.lock().unwrap().push(if is_http2 { "HTTP/2.0" } else { "HTTP/1.1" }.to_owned());
                    let mut server = TcpStream::connect(behind).await.unwrap();
                    let _ = copy_bidirectional(&mut inside, &mut server).await;
                });
            }
        });
        Self { address, spoken, task }
    }

    /// What was agreed on with each connection so far.
    pub(crate) fn spoken(&self) -> Vec<String> {
        self.spoken.lock().unwrap().clone()
    }

    /// Its base URL for the name that its certificate is for.
    pub(crate) fn base_url(&self, name: &str) -> String {
        format!("https://{name}:{}/v1", self.address.port())
    }
}

impl Drop for Front {
    fn drop(&mut self) {
        self.task.abort();
    }
}
