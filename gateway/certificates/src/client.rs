//! A client's certificate: by what names and by what fingerprint its holder is known.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use sha2::{Digest, Sha256};
use x509_parser::extensions::GeneralName;

use super::{CertificateProblem, Validity, now, parse};

/// By what a certificate is recognised.
#[derive(Clone, PartialEq, Eq, Hash)]
pub enum CertificateName {
    /// `dNSName`, in lower case.
    Dns(String),
    /// `uniformResourceIdentifier`
    Uri(String),
    /// `rfc822Name`
    Email(String),
    /// `iPAddress`
    Address(IpAddr),
    /// SHA-256 over the whole certificate.
    Fingerprint([u8; 32]),
}

impl CertificateName {
    /// The subject alternative name (RFC 5280 section 4.2.1.6) that a text means: an IP address, a URI, an e-mail
    /// address, or else a DNS name.
    ///
    /// # Errors
    /// A sentence that says what would be one.
    pub fn subject_alternative(text: &str) -> Result<Self, String> {
        let is_printable = text.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_printable || text.is_empty() {
            return Err(format!(
                "\"{text}\" is no name in a certificate: write it as it stands there"
            ));
        }
        if text.contains('*') {
            return Err(format!("\"{text}\" is a wildcard, which names nobody: write one name"));
        }
        Ok(match text.parse() {
            Ok(address) => Self::Address(address),
            Err(_) if text.contains(':') => Self::Uri(text.to_owned()),
            Err(_) if text.contains('@') => Self::Email(text.to_owned()),
            Err(_) => Self::Dns(text.to_ascii_lowercase()),
        })
    }

    /// The fingerprint that a text means: 64 hex digits, with colons between each two or without.
    ///
    /// # Errors
    /// A sentence that says what would be one.
    pub fn fingerprint(text: &str) -> Result<Self, String> {
        let mut bytes = [0; 32];
        match hex::decode_to_slice(text.replace(':', ""), &mut bytes) {
            Ok(()) => Ok(Self::Fingerprint(bytes)),
            Err(_) => Err(
                "not a SHA-256 fingerprint: write its 64 hex digits, as `openssl x509 -noout -fingerprint \
                           -sha256` prints them"
                    .to_owned(),
            ),
        }
    }
}

impl fmt::Display for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) | Self::Uri(name) | Self::Email(name) => f.write_str(name),
            Self::Address(address) => address.fmt(f),
            Self::Fingerprint(bytes) => f.write_str(&hex::encode(bytes)),
        }
    }
}

impl fmt::Debug for CertificateName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A certificate that a client has proved to hold, and that an authority of `client_ca` has signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    names: Vec<CertificateName>,
    validity: Validity,
}

/// Names of one certificate that are looked at.
const MOST_NAMES: usize = 100;

impl ClientCertificate {
    /// Reads what a client has presented.
    ///
    /// # Errors
    /// [`CertificateProblem::NotCertificate`]
    pub fn read(certificate: &[u8]) -> Result<Self, CertificateProblem> {
        let mut names = vec![CertificateName::Fingerprint(Sha256::digest(certificate).into())];
        let parsed = parse(certificate)?;
        let alternatives = parsed
            .subject_alternative_name()
            .map_err(|_| CertificateProblem::NotCertificate)?;
        if let Some(alternatives) = alternatives {
            let found = alternatives.value.general_names.iter().filter_map(name);
            names.extend(found.take(MOST_NAMES));
        }
        Ok(Self {
            names,
            validity: Validity::of(certificate)?,
        })
    }

    /// Everything that it is recognised by.
    #[must_use]
    pub fn names(&self) -> &[CertificateName] {
        &self.names
    }

    /// Whether it is still valid: a connection may outlive it.
    #[must_use]
    pub fn is_valid_now(&self) -> bool {
        self.validity.check(now()).is_ok()
    }
}

fn name(general: &GeneralName<'_>) -> Option<CertificateName> {
    Some(match general {
        GeneralName::DNSName(name) => CertificateName::Dns(name.to_ascii_lowercase()),
        GeneralName::URI(uri) => CertificateName::Uri((*uri).to_owned()),
        GeneralName::RFC822Name(address) => CertificateName::Email((*address).to_owned()),
        GeneralName::IPAddress(bytes) => CertificateName::Address(address(bytes)?),
        _ => return None,
    })
}

fn address(bytes: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(bytes).map(|bytes| IpAddr::V4(Ipv4Addr::from(bytes)));
    let v6 = || <[u8; 16]>::try_from(bytes).map(|bytes| IpAddr::V6(Ipv6Addr::from(bytes)));
    v4.or_else(|_| v6()).ok()
}

#[cfg(test)]
mod tests {
    use rcgen::SanType;

    use super::*;

    #[test]
    fn every_kind_of_name_is_recognised_and_none_stands_for_another() {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["App.Example.jp".to_owned()]).unwrap();
        parameters.subject_alt_names.extend([
            SanType::URI("spiffe://example.jp/app".try_into().unwrap()),
            SanType::Rfc822Name("app@example.jp".try_into().unwrap()),
            SanType::IpAddress("2001:db8::1".parse().unwrap()),
        ]);
        let certificate = parameters.self_signed(&key).unwrap();
        let read = ClientCertificate::read(certificate.der()).unwrap();
        assert!(read.is_valid_now());
        for text in [
            "app.example.jp",
            "APP.example.jp",
            "spiffe://example.jp/app",
            "app@example.jp",
            "2001:db8:0::1",
        ] {
            let meant = CertificateName::subject_alternative(text).unwrap();
            assert!(read.names().contains(&meant), "{text}");
        }
        for text in ["example.jp", "other.example.jp", "spiffe://example.jp/App", "192.0.2.1"] {
            let meant = CertificateName::subject_alternative(text).unwrap();
            assert!(!read.names().contains(&meant), "{text}");
        }
        let digest: [u8; 32] = Sha256::digest(certificate.der()).into();
        let text: Vec<String> = digest.iter().map(|byte| format!("{byte:02X}")).collect();
        for text in [text.join(":"), text.concat()] {
            assert!(read.names().contains(&CertificateName::fingerprint(&text).unwrap()));
        }
    }

    #[test]
    fn what_names_nobody_is_refused() {
        for text in ["", "a b", "*.example.jp", "防災"] {
            assert!(CertificateName::subject_alternative(text).is_err(), "{text}");
        }
        for text in ["", "00", &"0".repeat(63), &"g".repeat(64)] {
            assert!(CertificateName::fingerprint(text).is_err(), "{text}");
        }
        assert!(ClientCertificate::read(b"no certificate").is_err());
    }
}
