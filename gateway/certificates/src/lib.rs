//! Certificates (RFC 5280) and private keys as PEM (RFC 7468): what is read from them, and what is wrong with them in
//! words that help. It reads no files and knows no connections.

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod client;

use std::time::{SystemTime, UNIX_EPOCH};

use rustls::RootCertStore;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use x509_parser::certificate::X509Certificate;
use x509_parser::prelude::FromDer;

pub use self::client::{CertificateName, ClientCertificate};

/// Certificates that one file may hold. A chain has two or three; a bundle of authorities a few hundred.
const MOST_CERTIFICATES: usize = 1000;

/// Why a certificate or a key cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CertificateProblem {
    /// Nothing in it that begins as a certificate.
    #[error("it holds no certificate")]
    NoCertificate,
    /// PEM that is broken, or too much of it.
    #[error("it is no valid PEM")]
    NotPem,
    /// PEM around something that is no X.509 certificate.
    #[error("it holds something that is no certificate")]
    NotCertificate,
    /// Nothing in it that begins as a private key.
    #[error("it holds no private key")]
    NoKey,
    /// A key under a passphrase.
    #[error("the key is encrypted with a passphrase")]
    EncryptedKey,
    /// A key of a kind that is not supported.
    #[error("the key is of a kind that is not supported")]
    UnsupportedKey,
    /// The key of another certificate.
    #[error("the key is not that of the certificate")]
    KeyDoesNotFit,
    /// `notAfter` has passed.
    #[error("the certificate expired on {0}")]
    Expired(String),
    /// `notBefore` lies ahead.
    #[error("the certificate is valid only from {0}")]
    NotYetValid(String),
    /// An authority that cannot be one.
    #[error("a certificate in it cannot be an authority")]
    NotAuthority,
}

impl CertificateProblem {
    /// What to do.
    #[must_use]
    pub const fn help(&self) -> &'static str {
        match self {
            Self::NoCertificate | Self::NotCertificate => {
                "a PEM file is wanted, with `-----BEGIN CERTIFICATE-----`, the server's own first, then its chain"
            }
            Self::NotPem => "a PEM file is wanted; look for lines that were cut or added",
            Self::NoKey => "a PEM file is wanted, whose first line says BEGIN PRIVATE KEY",
            Self::EncryptedKey => "decrypt it, for instance with `openssl pkey`, and protect the file instead",
            Self::UnsupportedKey => "use an ECDSA key (P-256, P-384), Ed25519, or RSA of 2048 to 8192 bits",
            Self::KeyDoesNotFit => "name the key that the certificate was requested with",
            Self::Expired(_) => "renew it",
            Self::NotYetValid(_) => "look at the clock of this machine, or at whether the right file is named",
            Self::NotAuthority => "name the certificates of those who sign, not those that they have signed",
        }
    }
}

/// The certificates of a PEM text, in its order.
///
/// # Errors
/// [`CertificateProblem`]
pub fn certificates(pem: &[u8]) -> Result<Vec<CertificateDer<'static>>, CertificateProblem> {
    let mut found = Vec::new();
    for certificate in CertificateDer::pem_slice_iter(pem) {
        let certificate = certificate.map_err(|_| CertificateProblem::NotPem)?;
        if found.len() >= MOST_CERTIFICATES {
            return Err(CertificateProblem::NotPem);
        }
        parse(&certificate)?;
        found.push(certificate);
    }
    if found.is_empty() {
        return Err(CertificateProblem::NoCertificate);
    }
    Ok(found)
}

/// The first private key of a PEM text.
///
/// # Errors
/// [`CertificateProblem`]
pub fn private_key(pem: &[u8]) -> Result<PrivateKeyDer<'static>, CertificateProblem> {
    const ENCRYPTED: [&[u8]; 2] = [b"BEGIN ENCRYPTED PRIVATE KEY", b"Proc-Type: 4,ENCRYPTED"];
    if ENCRYPTED
        .iter()
        .any(|mark| pem.windows(mark.len()).any(|window| window == *mark))
    {
        return Err(CertificateProblem::EncryptedKey);
    }
    match PrivateKeyDer::from_pem_slice(pem) {
        Ok(key) => Ok(key),
        Err(rustls::pki_types::pem::Error::NoItemsFound) => Err(CertificateProblem::NoKey),
        Err(_) => Err(CertificateProblem::NotPem),
    }
}

/// The authorities of a PEM text.
///
/// # Errors
/// [`CertificateProblem`]
pub fn authorities(pem: &[u8]) -> Result<(RootCertStore, Validity), CertificateProblem> {
    let certificates = certificates(pem)?;
    let validity = Validity::of_all(&certificates)?;
    let mut roots = RootCertStore::empty();
    for certificate in certificates {
        if !parse(&certificate)?.is_ca() {
            return Err(CertificateProblem::NotAuthority);
        }
        roots.add(certificate).map_err(|_| CertificateProblem::NotAuthority)?;
    }
    Ok((roots, validity))
}

/// From when until when certificates are valid, in seconds since 1970.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    /// The latest `notBefore`.
    pub not_before: i64,
    /// The earliest `notAfter`.
    pub not_after: i64,
}

impl Validity {
    /// Of one certificate.
    ///
    /// # Errors
    /// [`CertificateProblem::NotCertificate`]
    pub fn of(certificate: &[u8]) -> Result<Self, CertificateProblem> {
        let validity = parse(certificate)?.validity().clone();
        Ok(Self {
            not_before: validity.not_before.timestamp(),
            not_after: validity.not_after.timestamp(),
        })
    }

    /// The time in which all of them are valid.
    ///
    /// # Errors
    /// [`CertificateProblem::NotCertificate`]
    pub fn of_all(certificates: &[CertificateDer<'_>]) -> Result<Self, CertificateProblem> {
        let mut all = Self {
            not_before: i64::MIN,
            not_after: i64::MAX,
        };
        for certificate in certificates {
            let own = Self::of(certificate)?;
            all.not_before = all.not_before.max(own.not_before);
            all.not_after = all.not_after.min(own.not_after);
        }
        Ok(all)
    }

    /// Refuses what is not valid at a time, in seconds since 1970.
    ///
    /// # Errors
    /// [`CertificateProblem::Expired`], [`CertificateProblem::NotYetValid`]
    pub fn check(&self, now: i64) -> Result<(), CertificateProblem> {
        if now > self.not_after {
            return Err(CertificateProblem::Expired(date(self.not_after)));
        }
        if now < self.not_before {
            return Err(CertificateProblem::NotYetValid(date(self.not_before)));
        }
        Ok(())
    }
}

/// Seconds since 1970.
#[must_use]
pub fn now() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

/// A time as people read it, in UTC.
#[must_use]
pub fn date(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds).map_or_else(|_| seconds.to_string(), |time| time.to_string())
}

fn parse(certificate: &[u8]) -> Result<X509Certificate<'_>, CertificateProblem> {
    match X509Certificate::from_der(certificate) {
        Ok(([], certificate)) => Ok(certificate),
        _ => Err(CertificateProblem::NotCertificate),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn self_signed(change: impl FnOnce(&mut rcgen::CertificateParams)) -> (String, String) {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::new(vec!["gateway.example.jp".to_owned()]).unwrap();
        change(&mut parameters);
        (parameters.self_signed(&key).unwrap().pem(), key.serialize_pem())
    }

    #[test]
    fn what_a_file_must_hold_is_told_by_what_is_missing() {
        let (certificate, key) = self_signed(|_| ());
        assert_eq!(certificates(certificate.as_bytes()).unwrap().len(), 1);
        assert!(private_key(key.as_bytes()).is_ok());
        for (text, problem) in [
            ("", CertificateProblem::NoCertificate),
            (key.as_str(), CertificateProblem::NoCertificate),
            (
                "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
                CertificateProblem::NotCertificate,
            ),
            (certificate.trim_end().trim_end_matches('-'), CertificateProblem::NotPem),
        ] {
            assert_eq!(certificates(text.as_bytes()), Err(problem), "{text}");
        }
        let encrypted = key.replace("PRIVATE KEY", "ENCRYPTED PRIVATE KEY");
        for (text, problem) in [
            ("", CertificateProblem::NoKey),
            (certificate.as_str(), CertificateProblem::NoKey),
            (encrypted.as_str(), CertificateProblem::EncryptedKey),
        ] {
            assert_eq!(private_key(text.as_bytes()).unwrap_err(), problem, "{text}");
        }
    }

    #[test]
    fn the_validity_is_that_of_the_one_that_ends_first() {
        let (early, _) = self_signed(|parameters| parameters.not_after = rcgen::date_time_ymd(2031, 1, 2));
        let (late, _) = self_signed(|parameters| parameters.not_after = rcgen::date_time_ymd(2032, 1, 2));
        let both = certificates(format!("{late}{early}").as_bytes()).unwrap();
        let validity = Validity::of_all(&both).unwrap();
        assert_eq!(date(validity.not_after), "2031-01-02T00:00:00Z");
        assert_eq!(validity.check(validity.not_after), Ok(()));
        let expired = validity.check(validity.not_after + 1).unwrap_err();
        assert!(expired.to_string().contains("2031-01-02"), "{expired}");
        let ahead = validity.check(validity.not_before - 1).unwrap_err();
        assert!(matches!(ahead, CertificateProblem::NotYetValid(_)), "{ahead}");
    }

    #[test]
    fn only_authorities_are_taken_as_such() {
        let (leaf, _) = self_signed(|_| ());
        assert_eq!(
            authorities(leaf.as_bytes()).unwrap_err(),
            CertificateProblem::NotAuthority
        );
        let (authority, _) = self_signed(|parameters| {
            parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        });
        assert_eq!(authorities(authority.as_bytes()).unwrap().0.len(), 1);
    }
}
