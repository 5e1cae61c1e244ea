//! By what a consumer has proved who it is, so that what leaves late can ask whether that still opens anything: a key that
//! was withdrawn must not go on delivering what it has ordered.

use std::fmt;
use std::sync::Arc;

use kakehashi_certificates::CertificateName;

use super::api_keys::KeyHash;

/// By what. As text it begins with one word for each kind; a key is written as its hash, as in tenants.toml.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Proof {
    /// By nothing: the anonymous consumer.
    Nothing,
    /// By the key of this hash.
    Key(KeyHash),
    /// By a token.
    Token {
        /// The name of the issuer.
        issuer: Arc<str>,
        /// Its subject.
        subject: Arc<str>,
    },
    /// By a certificate with this name.
    Certificate(CertificateName),
}

impl Proof {
    /// What [`fmt::Display`] has written; `None` for any other text.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (kind, rest) = text.split_once(' ').unwrap_or((text, ""));
        Some(match kind {
            "nothing" if rest.is_empty() => Self::Nothing,
            "key" => {
                let mut hash = KeyHash::default();
                hex::decode_to_slice(rest, &mut hash).ok()?;
                Self::Key(hash)
            }
            "token" => {
                let (issuer, subject) = rest.split_once(' ')?;
                Self::Token {
                    issuer: issuer.into(),
                    subject: subject.into(),
                }
            }
            "certificate" => Self::Certificate(CertificateName::subject_alternative(rest).ok()?),
            "fingerprint" => Self::Certificate(CertificateName::fingerprint(rest).ok()?),
            _ => return None,
        })
    }
}

impl fmt::Display for Proof {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Nothing => f.write_str("nothing"),
            Self::Key(hash) => write!(f, "key {}", hex::encode(hash)),
            // The name of an issuer has no spaces.
            Self::Token { issuer, subject } => write!(f, "token {issuer} {subject}"),
            Self::Certificate(name @ CertificateName::Fingerprint(_)) => write!(f, "fingerprint {name}"),
            Self::Certificate(name) => write!(f, "certificate {name}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same() {
        let certificate = |text| Proof::Certificate(CertificateName::subject_alternative(text).unwrap());
        for proof in [
            Proof::Nothing,
            Proof::Key([7; 32]),
            Proof::Token {
                issuer: "prefecture".into(),
                subject: "a subject, with spaces".into(),
            },
            certificate("app.example.jp"),
            certificate("spiffe://sano/app"),
            certificate("app@sano.example.jp"),
            certificate("2001:db8::1"),
            Proof::Certificate(CertificateName::Fingerprint([9; 32])),
        ] {
            assert_eq!(Proof::parse(&proof.to_string()), Some(proof.clone()), "{proof}");
        }
        for other in [
            "",
            "nothing else",
            "key",
            "key 12",
            "token x",
            "certificate ",
            "cookie x",
        ] {
            assert_eq!(Proof::parse(other), None, "{other}");
        }
    }
}
