//! Connections to brokers and receivers: TCP, and TLS over it.

use std::error::Error;
use std::fmt::Display;
use std::io::{self, ErrorKind};
use std::iter;
use std::path::Path;
use std::sync::Arc;

use edgefuse::config::{Endpoint, TlsFiles};
use edgefuse::small_file;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::pem::{self, PemObject};
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use tokio_rustls::rustls::{self, AlertDescription, CertificateError, ClientConfig, RootCertStore};

/// Maximum size of a file of certificates or of a key.
const LARGEST_FILE: u64 = 1 << 20;

/// A connection, encrypted or not.
pub trait Duplex: AsyncRead + AsyncWrite + Unpin + Send + Sync {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send + Sync> Duplex for T {}

/// Connects to an endpoint.
#[derive(Clone)]
pub struct Connector {
    address: String,
    tls: Option<(TlsConnector, ServerName<'static>)>,
}

impl Connector {
    /// Reads the certificates and the key.
    ///
    /// # Errors
    /// The problem, in one line, with the key of the file below the sink's options.
    pub fn new(endpoint: &Endpoint, files: &TlsFiles) -> Result<Self, String> {
        let tls = endpoint.tls.then(|| {
            let host = endpoint.host.trim_matches(['[', ']']);
            let name = ServerName::try_from(host.to_string());
            let name = name.map_err(|_| format!("`{host}` cannot be the name in a certificate"))?;
            Ok::<_, String>((TlsConnector::from(Arc::new(configuration(files)?)), name))
        });
        Ok(Connector { address: format!("{}:{}", endpoint.host, endpoint.port), tls: tls.transpose()? })
    }

    /// Connects. The caller limits the time.
    ///
    /// # Errors
    /// Those of the network and of TLS: see [`explained`].
    pub async fn connect(&self) -> io::Result<Box<dyn Duplex>> {
        let stream = TcpStream::connect(&self.address).await?;
        stream.set_nodelay(true)?;
        match &self.tls {
            None => Ok(Box::new(stream)),
            Some((connector, name)) => match connector.connect(name.clone(), stream).await {
                Ok(stream) => Ok(Box::new(stream)),
                Err(error) if matches!(error.kind(), ErrorKind::UnexpectedEof | ErrorKind::ConnectionReset) => {
                    let text = "the other side closes the connection; does it speak TLS on this port?";
                    Err(io::Error::new(error.kind(), text))
                }
                Err(error) => Err(error),
            },
        }
    }
}

fn configuration(files: &TlsFiles) -> Result<ClientConfig, String> {
    let mut roots = RootCertStore::empty();
    match &files.ca_file {
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
        Some(path) => {
            for certificate in certificates("ca_file", path)? {
                roots.add(certificate).map_err(|error| wrong("ca_file", path, error))?;
            }
        }
    }
    let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| error.to_string())?
        .with_root_certificates(roots);
    let (Some(certificate), Some(key)) = (&files.cert_file, &files.key_file) else {
        return Ok(builder.with_no_client_auth());
    };
    let chain = certificates("cert_file", certificate)?;
    let bytes = read("key_file", key)?;
    let private = PrivateKeyDer::from_pem_slice(&bytes).map_err(|error| match error {
        pem::Error::NoItemsFound => wrong("key_file", key, "contains no unencrypted private key in PEM format"),
        error => wrong("key_file", key, error),
    })?;
    builder.with_client_auth_cert(chain, private).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            wrong("key_file", key, "is not the key of the certificate in `cert_file`")
        }
        error => wrong("cert_file", certificate, error),
    })
}

fn certificates(key: &str, path: &Path) -> Result<Vec<CertificateDer<'static>>, String> {
    let bytes = read(key, path)?;
    let found = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let found = found.map_err(|error| wrong(key, path, error))?;
    if found.is_empty() { Err(wrong(key, path, "contains no certificate in PEM format")) } else { Ok(found) }
}

fn read(key: &str, path: &Path) -> Result<Vec<u8>, String> {
    small_file::read(path, LARGEST_FILE).map_err(|error| wrong(key, path, error))
}

fn wrong(key: &str, path: &Path, problem: impl Display) -> String {
    format!("tls.{key}: {}: {problem}", path.display())
}

/// The text of an error; for one of TLS, with a hint at what may help.
pub fn explained(error: &(dyn Error + 'static)) -> String {
    let mut next = Some(error);
    let found = iter::from_fn(|| {
        let current = next?;
        next = current.source();
        Some(current)
    });
    let Some(tls) = found.into_iter().find_map(of_tls) else { return error.to_string() };
    let hint = match tls {
        rustls::Error::InvalidCertificate(CertificateError::UnknownIssuer) => {
            "; name the certificate of its authority with `tls.ca_file`"
        }
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidYet
            | CertificateError::NotValidYetContext { .. }
            | CertificateError::Expired
            | CertificateError::ExpiredContext { .. },
        ) => "; is this device's clock right?",
        rustls::Error::InvalidMessage(_) => "; does the other side speak TLS on this port?",
        rustls::Error::AlertReceived(AlertDescription::CertificateRequired) => {
            "; it asks for a certificate: `tls.cert_file` and `tls.key_file`"
        }
        _ => "",
    };
    format!("TLS: {tls}{hint}")
}

fn of_tls<'e>(error: &'e (dyn Error + 'static)) -> Option<&'e rustls::Error> {
    // An I/O error is not the source of what is within it.
    let within = error.downcast_ref::<io::Error>().and_then(io::Error::get_ref);
    within.and_then(|within| within.downcast_ref()).or_else(|| error.downcast_ref())
}

#[cfg(test)]
mod tests {
    use std::net::SocketAddr;

    use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
    use tempfile::TempDir;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;
    use tokio_rustls::rustls::ServerConfig;
    use tokio_rustls::rustls::server::WebPkiClientVerifier;

    use super::*;

    /// An authority, and a folder with its certificate and one for `localhost` that it issued.
    struct Authority {
        folder: TempDir,
        issuer: CertifiedIssuer<'static, KeyPair>,
    }

    impl Authority {
        fn new() -> Self {
            let mut params = CertificateParams::new(Vec::new()).unwrap();
            params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
            let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
            let folder = tempfile::tempdir().unwrap();
            std::fs::write(folder.path().join("ca.pem"), issuer.pem()).unwrap();
            let authority = Authority { folder, issuer };
            authority.issue("it", |_| ());
            authority
        }

        /// Writes `NAME.pem` and `NAME.key`.
        fn issue(&self, name: &str, change: impl FnOnce(&mut CertificateParams)) {
            let key = KeyPair::generate().unwrap();
            let mut params = CertificateParams::new(vec!["localhost".to_string()]).unwrap();
            change(&mut params);
            let certificate = params.signed_by(&key, &self.issuer).unwrap();
            std::fs::write(self.file(&format!("{name}.pem")), certificate.pem()).unwrap();
            std::fs::write(self.file(&format!("{name}.key")), key.serialize_pem()).unwrap();
        }

        fn file(&self, name: &str) -> std::path::PathBuf {
            self.folder.path().join(name)
        }

        fn roots(&self) -> RootCertStore {
            let mut roots = RootCertStore::empty();
            roots.add(self.issuer.der().clone()).unwrap();
            roots
        }

        /// A server with the certificate `name`, which greets its first clients.
        async fn serve(&self, name: &str, ask: bool) -> SocketAddr {
            let provider = Arc::new(ring::default_provider());
            let builder = ServerConfig::builder_with_provider(provider.clone());
            let builder = builder.with_safe_default_protocol_versions().unwrap();
            let verifier =
                WebPkiClientVerifier::builder_with_provider(Arc::new(self.roots()), provider).build().unwrap();
            let builder = if ask { builder.with_client_cert_verifier(verifier) } else { builder.with_no_client_auth() };
            let chain = certificates("cert_file", &self.file(&format!("{name}.pem"))).unwrap();
            let key = PrivateKeyDer::from_pem_file(self.file(&format!("{name}.key"))).unwrap();
            let acceptor = TlsAcceptor::from(Arc::new(builder.with_single_cert(chain, key).unwrap()));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            let address = listener.local_addr().unwrap();
            tokio::spawn(async move {
                while let Ok((stream, _)) = listener.accept().await {
                    if let Ok(mut stream) = acceptor.accept(stream).await {
                        let _ = stream.write_all(b"hello").await;
                        let _ = stream.shutdown().await;
                    }
                }
            });
            address
        }

        /// What the server says to a client with these files, or the error.
        async fn greeting(&self, address: SocketAddr, files: &str) -> Result<String, String> {
            let text = files.replace("DIR", &self.folder.path().display().to_string());
            greeting(&format!("{{url: 'https://localhost:{}', tls: {{{text}}}}}", address.port())).await
        }
    }

    async fn greeting(options: &str) -> Result<String, String> {
        let options: edgefuse::config::WebhookOptions = serde_yaml::from_str(options).unwrap();
        let mut stream =
            Connector::new(&options.url, &options.tls)?.connect().await.map_err(|error| explained(&error))?;
        let mut text = String::new();
        // A client without a certificate learns from the first read that it needs one.
        stream.read_to_string(&mut text).await.map_err(|error| explained(&error))?;
        Ok(text)
    }

    #[tokio::test]
    async fn who_is_trusted_is_connected_to() {
        let authority = Authority::new();
        let server = authority.serve("it", false).await;
        assert_eq!(authority.greeting(server, "ca_file: DIR/ca.pem").await.as_deref(), Ok("hello"));
        let error = authority.greeting(server, "").await.unwrap_err();
        assert!(error.contains("UnknownIssuer") && error.contains("`tls.ca_file`"), "{error}");
        // The certificate is for another name.
        let text = format!(
            "{{url: 'https://127.0.0.1:{}', tls: {{ca_file: '{}'}}}}",
            server.port(),
            authority.file("ca.pem").display()
        );
        let error = greeting(&text).await.unwrap_err();
        assert!(error.contains("not valid for name"), "{error}");
        authority.issue("old", |params| {
            params.not_before = rcgen::date_time_ymd(2001, 1, 1);
            params.not_after = rcgen::date_time_ymd(2002, 1, 1);
        });
        let error = authority.greeting(authority.serve("old", false).await, "ca_file: DIR/ca.pem").await.unwrap_err();
        assert!(error.contains("expired") && error.contains("clock"), "{error}");
    }

    #[tokio::test]
    async fn a_device_shows_its_certificate() {
        let authority = Authority::new();
        authority.issue("device", |_| ());
        let server = authority.serve("it", true).await;
        let all = "ca_file: DIR/ca.pem, cert_file: DIR/device.pem, key_file: DIR/device.key";
        assert_eq!(authority.greeting(server, all).await.as_deref(), Ok("hello"));
        let error = authority.greeting(server, "ca_file: DIR/ca.pem").await.unwrap_err();
        assert!(error.contains("`tls.cert_file`"), "{error}");
        for (files, expected) in [
            (
                "ca_file: DIR/ca.pem, cert_file: DIR/device.pem, key_file: DIR/it.key",
                "is not the key of the certificate",
            ),
            ("ca_file: DIR/ca.pem, cert_file: DIR/device.pem, key_file: DIR/ca.pem", "no unencrypted private key"),
            ("ca_file: DIR/device.key", "tls.ca_file: "),
            ("ca_file: DIR/device.key", "contains no certificate in PEM format"),
            ("ca_file: DIR/none.pem", "No such file"),
        ] {
            let error = authority.greeting(server, files).await.unwrap_err();
            assert!(error.contains(expected) && !error.contains('\n'), "{files}: {error}");
        }
    }

    #[tokio::test]
    async fn a_server_without_tls_is_named_as_one() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            }
        });
        let error = greeting(&format!("{{url: 'https://localhost:{port}'}}")).await.unwrap_err();
        assert!(error.contains("does the other side speak TLS"), "{error}");
    }
}
