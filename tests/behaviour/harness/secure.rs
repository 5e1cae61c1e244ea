//! Certificates that are made here, and a client that speaks TLS with them.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use http::{Method, Request};
use http_body_util::{BodyExt, Full};
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, SanType};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore, SupportedProtocolVersion};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use super::{Answer, PATIENCE};

/// Who signs certificates.
pub(crate) struct Authority {
    issuer: Issuer<'static, KeyPair>,
    pub(crate) pem: String,
}

/// A certificate and its key, as PEM.
pub(crate) struct Identity {
    pub(crate) certificate: String,
    pub(crate) key: String,
}

impl Authority {
    pub(crate) fn new(name: &str) -> Self {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::default();
        parameters.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        parameters.distinguished_name.push(DnType::CommonName, name);
        let pem = parameters.self_signed(&key).unwrap().pem();
        Self {
            issuer: Issuer::new(parameters, key),
            pem,
        }
    }

    /// A certificate for these names, with whatever else is changed.
    pub(crate) fn issue_with(&self, names: &[&str], change: impl FnOnce(&mut CertificateParams)) -> Identity {
        let key = KeyPair::generate().unwrap();
        let mut parameters = CertificateParams::default();
        parameters.subject_alt_names = names
            .iter()
            .map(|name| match name.parse() {
                Ok(address) => SanType::IpAddress(address),
                Err(_) if name.contains(':') => SanType::URI((*name).try_into().unwrap()),
                Err(_) => SanType::DnsName((*name).try_into().unwrap()),
            })
            .collect();
        parameters.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        change(&mut parameters);
        Identity {
            certificate: parameters.signed_by(&key, &self.issuer).unwrap().pem(),
            key: key.serialize_pem(),
        }
    }

    /// A certificate for these names.
    pub(crate) fn issue(&self, names: &[&str]) -> Identity {
        self.issue_with(names, |_| ())
    }

    /// For those who trust it.
    pub(crate) fn roots(&self) -> RootCertStore {
        let mut roots = RootCertStore::empty();
        roots
            .add(CertificateDer::from_pem_slice(self.pem.as_bytes()).unwrap())
            .unwrap();
        roots
    }
}

impl Identity {
    pub(crate) fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.der()]
    }

    pub(crate) fn der(&self) -> CertificateDer<'static> {
        CertificateDer::from_pem_slice(self.certificate.as_bytes()).unwrap()
    }

    pub(crate) fn private_key(&self) -> PrivateKeyDer<'static> {
        PrivateKeyDer::from_pem_slice(self.key.as_bytes()).unwrap()
    }
}

/// A client of one address that trusts one authority.
#[derive(Clone)]
pub(crate) struct SecureClient {
    config: Arc<ClientConfig>,
    address: SocketAddr,
}

/// One connection, kept.
pub(crate) struct SecureConnection {
    sender: Sender,
    /// What the server has shown.
    pub(crate) certificate: CertificateDer<'static>,
    pub(crate) protocol: Option<Vec<u8>>,
}

enum Sender {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl SecureClient {
    /// For a gateway's address, which must be https.
    pub(crate) fn new(url: &str, authority: &Authority, identity: Option<&Identity>) -> Self {
        Self::speaking(url, authority, identity, rustls::DEFAULT_VERSIONS, &[b"http/1.1"])
    }

    pub(crate) fn speaking(
        url: &str,
        authority: &Authority,
        identity: Option<&Identity>,
        versions: &[&'static SupportedProtocolVersion],
        protocols: &[&[u8]],
    ) -> Self {
        let address = url
            .strip_prefix("https://")
            .unwrap_or_else(|| panic!("{url} is not https"));
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(versions)
            .unwrap()
            .with_root_certificates(authority.roots());
        let mut config = match identity {
            Some(identity) => builder
                .with_client_auth_cert(identity.chain(), identity.private_key())
                .unwrap(),
            None => builder.with_no_client_auth(),
        };
        config.alpn_protocols = protocols.iter().map(|protocol| protocol.to_vec()).collect();
        Self {
            config: Arc::new(config),
            address: address.parse().unwrap(),
        }
    }

    /// A new connection.
    pub(crate) async fn connect(&self) -> Result<SecureConnection, String> {
        let stream = TcpStream::connect(self.address)
            .await
            .map_err(|error| error.to_string())?;
        let name = ServerName::from(self.address.ip());
        let connected = TlsConnector::from(Arc::clone(&self.config)).connect(name, stream).await;
        let stream = connected.map_err(|error| error.to_string())?;
        let session = stream.get_ref().1;
        let certificate = session.peer_certificates().unwrap()[0].clone().into_owned();
        let protocol = session.alpn_protocol().map(<[u8]>::to_vec);
        let io = TokioIo::new(stream);
        let sender = if protocol.as_deref() == Some(b"h2") {
            let (sender, connection) = http2::handshake(TokioExecutor::new(), io)
                .await
                .map_err(|error| format!("{error:?}"))?;
            tokio::spawn(connection);
            Sender::Http2(sender)
        } else {
            let (sender, connection) = http1::handshake(io).await.map_err(|error| format!("{error:?}"))?;
            tokio::spawn(connection);
            Sender::Http1(sender)
        };
        Ok(SecureConnection {
            sender,
            certificate,
            protocol,
        })
    }

    /// Asks on a new connection.
    pub(crate) async fn get(&self, target: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        self.connect().await?.get(target, headers).await
    }

    /// The same by any method, without a body.
    pub(crate) async fn request(
        &self,
        method: Method,
        target: &str,
        headers: &[(&str, &str)],
    ) -> Result<Answer, String> {
        self.connect().await?.request(method, target, headers).await
    }
}

impl SecureConnection {
    /// Asks on this connection.
    pub(crate) async fn get(&mut self, target: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        self.request(Method::GET, target, headers).await
    }

    async fn request(&mut self, method: Method, target: &str, headers: &[(&str, &str)]) -> Result<Answer, String> {
        let asked = format!("{method} {target}");
        let mut request = Request::builder().method(method).uri(match self.sender {
            Sender::Http1(_) => target.to_owned(),
            Sender::Http2(_) => format!("https://gateway{target}"),
        });
        if matches!(self.sender, Sender::Http1(_)) {
            request = request.header("host", "gateway");
        }
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.body(Full::default()).unwrap();
        let began = Instant::now();
        let exchange = async {
            let response = match &mut self.sender {
                Sender::Http1(sender) => sender.send_request(request).await,
                Sender::Http2(sender) => sender.send_request(request).await,
            };
            let (head, body) = response.map_err(|error| format!("{error:?}"))?.into_parts();
            let body = body.collect().await.map_err(|error| format!("{error:?}"))?.to_bytes();
            Ok::<_, String>((head, body))
        };
        let answered = tokio::time::timeout(PATIENCE, exchange).await;
        let (head, body) = answered.unwrap_or_else(|_| panic!("{target}: no answer"))?;
        let answer = Answer {
            asked,
            status: head.status.as_u16(),
            headers: head.headers,
            body,
            took: began.elapsed(),
        };
        Ok(answer.hides_upstreams().hides_persons())
    }
}
