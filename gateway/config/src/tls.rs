//! `[gateway] tls`: the certificate that consumers are shown, its key, and whose certificates of consumers count.
//! The files are no part of the revision: they are renewed by other people and at other times, and read again for
//! each change of them.

use kakehashi_certificates as certificates;
use std::fmt;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use kakehashi_certificates::{self, CertificateProblem, Validity, date};
use rustls::ServerConfig;
use rustls::server::WebPkiClientVerifier;
use sha2::{Digest, Sha256};

use super::secret::{self, Secret};
use super::{Config, Loading};
use kakehashi_core::diagnostics::{Place, Severity};
use kakehashi_documents::named_file::{self, Unreadable};
use kakehashi_documents::section::Section;

/// Largest file of certificates or keys, in bytes: a bundle of a few hundred authorities.
const MOST_BYTES: u64 = 1024 * 1024;

/// How long before its end a certificate is worth a warning: longer than a renewal takes in an office.
pub(crate) const SOON: i64 = 30 * 24 * 60 * 60;

/// Where the material for TLS stands.
#[derive(Clone, PartialEq, Eq)]
pub struct TlsSettings {
    certificate: PathBuf,
    key: KeyPlace,
    client_ca: Option<PathBuf>,
}

#[derive(Clone, PartialEq, Eq)]
enum KeyPlace {
    File(PathBuf),
    /// From a variable, which does not change while the process lives.
    Text(Secret),
}

impl fmt::Debug for TlsSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsSettings")
            .field("certificate", &self.certificate)
            .field("client_ca", &self.client_ca)
            .finish_non_exhaustive()
    }
}

/// One reading of the material, ready to serve.
#[derive(Clone)]
pub struct TlsMaterial {
    /// For rustls: TLS 1.2 and 1.3 with its safe suites, HTTP/2 and HTTP/1.1.
    pub server: Arc<ServerConfig>,
    /// When the first certificate of the server's chain ends.
    pub certificate: Validity,
    /// When the first authority for clients ends; `None`: clients are not asked for certificates.
    pub client_ca: Option<Validity>,
    /// Tells one content of the files from another.
    pub digest: [u8; 32],
}

impl fmt::Debug for TlsMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TlsMaterial")
            .field("certificate", &self.certificate)
            .field("client_ca", &self.client_ca)
            .finish_non_exhaustive()
    }
}

/// Which of the files is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsPart {
    /// `certificate`
    Certificate,
    /// `key`
    Key,
    /// `client_ca`
    ClientCa,
}

impl TlsPart {
    /// Its key in `[gateway] tls`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate",
            Self::Key => "key",
            Self::ClientCa => "client_ca",
        }
    }
}

/// Why the material cannot be used: which file, what is wrong, what to do. It holds nothing of a key.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{}` of [gateway] tls, {place}: {problem}", part.as_str())]
pub struct TlsProblem {
    /// Which part.
    pub part: TlsPart,
    place: String,
    problem: String,
    /// What to do.
    pub help: Option<&'static str>,
}

impl TlsProblem {
    fn new(part: TlsPart, place: &str, problem: &CertificateProblem) -> Self {
        Self {
            part,
            place: place.to_owned(),
            problem: problem.to_string(),
            help: Some(problem.help()),
        }
    }
}

impl TlsSettings {
    /// Of these files, without anything that says so in a configuration.
    #[must_use]
    pub fn of_files(certificate: PathBuf, key: PathBuf, client_ca: Option<PathBuf>) -> Self {
        Self {
            certificate,
            key: KeyPlace::File(key),
            client_ca,
        }
    }

    /// Whether the revision that runs has the same files, as far as they are no secret.
    fn names_files_of(&self, running: Option<&Config>) -> bool {
        let running = running.and_then(|running| running.gateway.tls.as_ref());
        running.is_some_and(|running| running.certificate == self.certificate && running.client_ca == self.client_ca)
    }

    /// The file of the key, if it is no secret on this machine.
    fn key_that_everybody_reads(&self) -> Option<&Path> {
        const READ_BY_OTHERS: u32 = 0o004;
        let KeyPlace::File(path) = &self.key else {
            return None;
        };
        let mode = std::fs::metadata(path).ok()?.permissions().mode();
        (mode & READ_BY_OTHERS != 0).then_some(path)
    }

    /// Reads the files as they are now.
    ///
    /// # Errors
    /// [`TlsProblem`] for the first that cannot be used.
    pub fn read(&self) -> Result<TlsMaterial, TlsProblem> {
        let mut digest = Sha256::new();
        let chain_text = read_file(TlsPart::Certificate, &self.certificate)?;
        let (key_text, key_name) = match &self.key {
            KeyPlace::File(path) => (read_file(TlsPart::Key, path)?, path.display().to_string()),
            KeyPlace::Text(secret) => (secret.expose().as_bytes().to_vec(), "the variable".to_owned()),
        };
        let authorities_text = self
            .client_ca
            .as_ref()
            .map(|path| read_file(TlsPart::ClientCa, path).map(|text| (path, text)))
            .transpose()?;
        for text in [&chain_text, &key_text]
            .into_iter()
            .chain(authorities_text.as_ref().map(|(_, text)| text))
        {
            digest.update(text.len().to_be_bytes());
            digest.update(text);
        }

        let certificate_name = self.certificate.display().to_string();
        let of_certificate = |problem| TlsProblem::new(TlsPart::Certificate, &certificate_name, &problem);
        let of_key = |problem| TlsProblem::new(TlsPart::Key, &key_name, &problem);
        let chain = certificates::certificates(&chain_text).map_err(of_certificate)?;
        let certificate = Validity::of_all(&chain).map_err(of_certificate)?;
        certificate.check(certificates::now()).map_err(of_certificate)?;
        let key = certificates::private_key(&key_text).map_err(of_key)?;

        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&rustls::version::TLS13, &rustls::version::TLS12])
            .map_err(|_| of_key(CertificateProblem::UnsupportedKey))?;
        let mut client_ca = None;
        let builder = match authorities_text {
            None => builder.with_no_client_auth(),
            Some((path, text)) => {
                let place = path.display().to_string();
                let of_authority = |problem| TlsProblem::new(TlsPart::ClientCa, &place, &problem);
                let (roots, validity) = certificates::authorities(&text).map_err(of_authority)?;
                validity.check(certificates::now()).map_err(of_authority)?;
                client_ca = Some(validity);
                let verifier = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    // Who presents no certificate may have another credential, or none.
                    .allow_unauthenticated()
                    .build()
                    .map_err(|_| of_authority(CertificateProblem::NotAuthority))?;
                builder.with_client_cert_verifier(verifier)
            }
        };
        let mut server = builder.with_single_cert(chain, key).map_err(|error| match error {
            rustls::Error::InconsistentKeys(_) => of_key(CertificateProblem::KeyDoesNotFit),
            rustls::Error::InvalidCertificate(_) => of_certificate(CertificateProblem::NotCertificate),
            _ => of_key(CertificateProblem::UnsupportedKey),
        })?;
        server.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        Ok(TlsMaterial {
            server: Arc::new(server),
            certificate,
            client_ca,
            digest: digest.finalize().into(),
        })
    }
}

fn read_file(part: TlsPart, path: &Path) -> Result<Vec<u8>, TlsProblem> {
    let cannot = |problem: String, help| TlsProblem {
        part,
        place: path.display().to_string(),
        problem,
        help,
    };
    named_file::read(path, MOST_BYTES).map_err(|unreadable| match unreadable {
        Unreadable::Denied => cannot(
            unreadable.to_string(),
            Some("let the user that runs the gateway read it, and nobody else"),
        ),
        Unreadable::Other(kind) => cannot(format!("it cannot be read: {kind}"), None),
        Unreadable::Absent | Unreadable::NoFile | Unreadable::TooLarge(_) => cannot(unreadable.to_string(), None),
    })
}

/// Reads `tls` of `[gateway]`, and the files that it names, to find what is wrong with them before anything starts.
pub(crate) fn read(gateway: &Section<'_>, loading: &Loading<'_>) -> Option<Arc<TlsSettings>> {
    let table = gateway.section("tls")?;
    let certificate = table.required_text("certificate", "\"server.pem\"");
    let key_node = table.node("key");
    if key_node.is_none() {
        table.missing("key", "{ file = \"server.key\" }");
    }
    let key = key_node.and_then(|node| {
        let secret = secret::resolve(&format!("the key of {}", table.title()), node, loading)?;
        if secret.is_absent() && loading.environment.reads_secrets() {
            return None;
        }
        Some(
            match node
                .child("file")
                .and_then(kakehashi_documents::document::Node::as_text)
            {
                Some(file) => KeyPlace::File(loading.path(file)),
                None => KeyPlace::Text(secret),
            },
        )
    });
    let client_ca = table.text("client_ca");
    let place_of = |part: TlsPart| -> Place {
        let node = table.node(match part {
            TlsPart::Certificate => "certificate",
            TlsPart::Key => "key",
            TlsPart::ClientCa => "client_ca",
        });
        node.map_or_else(|| table.place().clone(), |node| node.place.clone())
    };
    let settings = certificate.zip(key).map(|(certificate, key)| TlsSettings {
        certificate: loading.path(certificate.value),
        key,
        client_ca: client_ca.map(|file| loading.path(file.value)),
    });
    let report = loading.report;
    if !loading.environment.reads_secrets() {
        // Whether files are there, and fit, is found out by whoever may apply the revision.
        if settings
            .as_ref()
            .is_some_and(|settings| !settings.names_files_of(loading.previous))
        {
            let message = "`tls` in [gateway] names files that the running revision does not have: they are not read before \
                           somebody applies this";
            report.warning(&place_of(TlsPart::Certificate), message, None);
        }
        table.finish();
        return settings.map(Arc::new);
    }
    if let Some(file) = settings.as_ref().and_then(TlsSettings::key_that_everybody_reads) {
        let message = format!(
            "`key` of [gateway] tls, {}: everybody on this machine may read it",
            file.display()
        );
        let help = "let the user that runs the gateway read it, and nobody else: mode 0400".to_owned();
        report.of_secret(Severity::Warning, &place_of(TlsPart::Key), message, Some(help));
    }
    match settings.as_ref().map(TlsSettings::read) {
        Some(Err(problem)) => {
            let (place, message) = (place_of(problem.part), problem.to_string());
            let help = problem.help.map(str::to_owned);
            if problem.part == TlsPart::Key {
                report.of_secret(Severity::Error, &place, message, help);
            } else {
                report.error(&place, message, help);
            }
        }
        Some(Ok(material)) => {
            let ends = [
                (TlsPart::Certificate, Some(material.certificate)),
                (TlsPart::ClientCa, material.client_ca),
            ];
            for (part, validity) in ends {
                if let Some(validity) = validity
                    && validity.not_after < certificates::now() + SOON
                {
                    let message = format!(
                        "`{}` of [gateway] tls ends on {}",
                        part.as_str(),
                        date(validity.not_after)
                    );
                    report.warning(&place_of(part), message, "renew it in time".to_owned());
                }
            }
        }
        None => {}
    }
    table.finish();
    settings.map(Arc::new)
}
