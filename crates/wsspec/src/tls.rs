//! TLS under a connection: whom to trust, and which name to ask for.
//!
//! rustls speaks it; what a case has to say that rustls does not, it says over
//! TCP.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, LazyLock};

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{
    HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier,
};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::{
    CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore,
    SignatureScheme,
};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::stream::Over;

/// What to trust where an address begins with `wss`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Trust {
    /// A file of certificates in PEM that are trusted, beside those of the
    /// system: as authorities, and as the server's own, byte for byte.
    pub ca: Option<PathBuf>,
    /// The name that the server's certificate is for, and that is asked for
    /// (SNI), if it is not the host of the address.
    pub server_name: Option<String>,
    /// Whether any certificate will do.
    pub insecure: bool,
}

/// Why nobody can be trusted.
#[derive(Debug, thiserror::Error)]
pub enum BadTrust {
    /// The file can't be read, or holds no certificate.
    #[error("{path}: {error}", path = path.display())]
    Ca {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: String,
    },
    /// The name is none that a certificate could have.
    #[error("{0:?} is no name of a server")]
    ServerName(String),
    /// The TLS library refuses.
    #[error("TLS can't be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// TLS for the connections to one server.
pub struct Tls {
    http1: TlsConnector,
    http2: TlsConnector,
    name: Option<ServerName<'static>>,
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// What is trusted if nobody says otherwise: what the system trusts.
pub(crate) static SYSTEM: LazyLock<Result<Arc<Tls>, BadTrust>> =
    LazyLock::new(|| Tls::new(&Trust::default()).map(Arc::new));

impl Tls {
    /// Sets TLS up.
    ///
    /// # Errors
    ///
    /// A file without certificates, or a name that is none.
    pub fn new(trust: &Trust) -> Result<Self, BadTrust> {
        let name = trust.server_name.clone().map(|name| {
            ServerName::try_from(name.clone())
                .map_err(|_| BadTrust::ServerName(name))
        });
        let config = config(trust)?;
        Ok(Self {
            http1: connector(config.clone(), b"http/1.1"),
            http2: connector(config, b"h2"),
            name: name.transpose()?,
        })
    }

    /// Makes the TLS handshake over a TCP connection to this host.
    ///
    /// # Errors
    ///
    /// A certificate that is not trusted, or a server that does not speak TLS,
    /// or not the version of HTTP.
    pub(crate) async fn connect(
        &self,
        over: Over,
        host: &str,
        stream: TcpStream,
    ) -> io::Result<TlsStream<TcpStream>> {
        let name = match &self.name {
            Some(name) => name.clone(),
            None => ServerName::try_from(host.to_owned())
                .map_err(io::Error::other)?,
        };
        let connector = match over {
            Over::Http1 => &self.http1,
            Over::Http2 => &self.http2,
        };
        let connected = connector.connect(name, stream).await;
        let stream = connected.map_err(explained)?;
        let chosen = stream.get_ref().1.alpn_protocol();
        if over == Over::Http2 && chosen != Some(b"h2") {
            return Err(io::Error::other(
                "the server does not choose h2, which ALPN offers it",
            ));
        }
        Ok(stream)
    }
}

/// Says in plain words why TLS did not come about, and what to do.
fn explained(error: io::Error) -> io::Error {
    let cause = error.get_ref().and_then(|it| it.downcast_ref());
    match cause {
        Some(rustls::Error::InvalidCertificate(why)) => {
            io::Error::other(format!(
                "the server's certificate is not trusted: {}. --ca FILE (in a \
                 server.toml tls.ca) trusts the authority that signed it, or \
                 exactly this certificate; --insecure trusts any",
                distrusted(why)
            ))
        }
        Some(rustls::Error::InvalidMessage(_)) => io::Error::other(format!(
            "{error}; does the server speak TLS? Without TLS the address \
             begins with ws://"
        )),
        _ => error,
    }
}

/// Why a certificate is not trusted, in words.
fn distrusted(why: &CertificateError) -> String {
    match why {
        CertificateError::UnknownIssuer => {
            "its issuer is not known here".to_owned()
        }
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired".to_owned()
        }
        CertificateError::NotValidYet
        | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet".to_owned()
        }
        CertificateError::NotValidForName => {
            "it is for another name (--server-name asks for one)".to_owned()
        }
        CertificateError::NotValidForNameContext {
            expected,
            presented,
        } => format!(
            "it is for {}, not for {} (--server-name asks for another name)",
            presented.join(", "),
            expected.to_str()
        ),
        CertificateError::Other(other)
            if other.to_string().contains("CaUsedAsEndEntity") =>
        {
            "it is the certificate of an authority, as openssl req -x509 \
             makes it, and not the one in the file"
                .to_owned()
        }
        other => other.to_string(),
    }
}

fn connector(mut config: ClientConfig, alpn: &[u8]) -> TlsConnector {
    config.alpn_protocols = vec![alpn.to_vec()];
    TlsConnector::from(Arc::new(config))
}

fn config(trust: &Trust) -> Result<ClientConfig, BadTrust> {
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let trusted = match trust.insecure {
        true => Trusted::Any,
        false => trusted(trust, &provider)?,
    };
    let verifier = Arc::new(Verifier { provider, trusted });
    Ok(builder
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth())
}

fn trusted(
    trust: &Trust,
    provider: &Arc<CryptoProvider>,
) -> Result<Trusted, BadTrust> {
    let mut roots = RootCertStore::empty();
    // A certificate that can't be read is one that is not trusted.
    roots.add_parsable_certificates(
        rustls_native_certs::load_native_certs().certs,
    );
    let mut exactly = Vec::new();
    if let Some(path) = &trust.ca {
        exactly = certificates(path)?;
        // One that can't be an authority can still be the server's own.
        roots.add_parsable_certificates(exactly.iter().cloned());
    }
    let signed = WebPkiServerVerifier::builder_with_provider(
        Arc::new(roots),
        Arc::clone(provider),
    );
    Ok(Trusted::These {
        exactly,
        // A system may have no authorities at all.
        signed: signed.build().ok(),
    })
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, BadTrust> {
    let certificates: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path)
        .and_then(|certificates| certificates.collect())
        .map_err(|error| bad_ca(path, &error));
    match certificates {
        Ok(none) if none.is_empty() => {
            Err(bad_ca(path, &"there is no certificate in it"))
        }
        certificates => certificates,
    }
}

fn bad_ca(path: &Path, error: &dyn std::fmt::Display) -> BadTrust {
    BadTrust::Ca {
        path: path.to_owned(),
        error: error.to_string(),
    }
}

/// Decides whether to trust a server's certificate. Whatever it decides, the
/// server has to prove that it has the certificate's key.
#[derive(Debug)]
struct Verifier {
    provider: Arc<CryptoProvider>,
    trusted: Trusted,
}

#[derive(Debug)]
enum Trusted {
    /// Any certificate.
    Any,
    /// Some certificates.
    These {
        /// Those of the user's file, byte for byte: the commonest test
        /// certificate signs itself, and no other rule would accept it.
        exactly: Vec<CertificateDer<'static>>,
        /// What a known authority has signed.
        signed: Option<Arc<WebPkiServerVerifier>>,
    },
}

impl ServerCertVerifier for Verifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let (exactly, signed) = match &self.trusted {
            Trusted::Any => return Ok(ServerCertVerified::assertion()),
            Trusted::These { exactly, signed } => (exactly, signed),
        };
        if exactly.contains(end_entity) {
            return Ok(ServerCertVerified::assertion());
        }
        match signed {
            None => Err(CertificateError::UnknownIssuer.into()),
            Some(signed) => signed.verify_server_cert(
                end_entity,
                intermediates,
                server_name,
                ocsp_response,
                now,
            ),
        }
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls12_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        rustls::crypto::verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider
            .signature_verification_algorithms
            .supported_schemes()
    }
}
