//! Verifying signatures (RFC 7518, RFC 8037) with the cryptography that TLS uses here already. It signs nothing and
//! knows no shared secrets.

use std::sync::Once;

use jsonwebtoken::crypto::{CryptoProvider, JwtVerifier, KeyUtils};
use jsonwebtoken::errors::{Error, ErrorKind, new_error};
use jsonwebtoken::signature::{self, Verifier};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, DecodingKeyKind};
use ring::signature as ring_signature;

static PROVIDER: CryptoProvider = CryptoProvider {
    signer_factory: |_, _| Err(unsupported()),
    verifier_factory: |algorithm, key| Ok(Box::new(PublicKeyVerifier::new(*algorithm, key)?)),
    key_utils: KeyUtils {
        rsa_pub_components_from_private_key: |_| Err(unsupported()),
        rsa_pub_components_from_public_key: |_| Err(unsupported()),
        ec_pub_components_from_private_key: |_, _| Err(unsupported()),
        ed_pub_components_from_private_key: |_, _| Err(unsupported()),
        compute_digest: |_, _| Err(unsupported()),
    },
};

/// Makes this the way in which tokens of this process are verified.
pub(super) fn install() {
    static INSTALLED: Once = Once::new();
    INSTALLED.call_once(|| {
        // Nothing else in this process installs one; if it were so, its verification would serve as well.
        let _ = PROVIDER.install_default();
    });
}

fn unsupported() -> Error {
    new_error(ErrorKind::UnsupportedAlgorithm)
}

/// How a signature of one algorithm is verified.
enum Scheme {
    Rsa(&'static ring_signature::RsaParameters),
    /// Curves: the key is a point.
    Point(&'static dyn ring_signature::VerificationAlgorithm),
}

struct PublicKeyVerifier {
    algorithm: Algorithm,
    scheme: Scheme,
    key: DecodingKey,
}

impl PublicKeyVerifier {
    fn new(algorithm: Algorithm, key: &DecodingKey) -> Result<Self, Error> {
        let (family, scheme) = match algorithm {
            Algorithm::RS256 => (
                AlgorithmFamily::Rsa,
                Scheme::Rsa(&ring_signature::RSA_PKCS1_2048_8192_SHA256),
            ),
            Algorithm::RS384 => (
                AlgorithmFamily::Rsa,
                Scheme::Rsa(&ring_signature::RSA_PKCS1_2048_8192_SHA384),
            ),
            Algorithm::RS512 => (
                AlgorithmFamily::Rsa,
                Scheme::Rsa(&ring_signature::RSA_PKCS1_2048_8192_SHA512),
            ),
            Algorithm::PS256 => (
                AlgorithmFamily::Rsa,
                Scheme::Rsa(&ring_signature::RSA_PSS_2048_8192_SHA256),
            ),
            Algorithm::PS384 => (
                AlgorithmFamily::Rsa,
                Scheme::Rsa(&ring_signature::RSA_PSS_2048_8192_SHA384),
            ),
            Algorithm::PS512 => (
                AlgorithmFamily::Rsa,
                Scheme::Rsa(&ring_signature::RSA_PSS_2048_8192_SHA512),
            ),
            Algorithm::ES256 => (
                AlgorithmFamily::Ec,
                Scheme::Point(&ring_signature::ECDSA_P256_SHA256_FIXED),
            ),
            Algorithm::ES384 => (
                AlgorithmFamily::Ec,
                Scheme::Point(&ring_signature::ECDSA_P384_SHA384_FIXED),
            ),
            Algorithm::EdDSA => (AlgorithmFamily::Ed, Scheme::Point(&ring_signature::ED25519)),
            // Shared secrets, and what is not known yet.
            _ => return Err(unsupported()),
        };
        // A key of another family must never be read as a secret (RFC 8725 section 2.1).
        if key.family() != family {
            return Err(new_error(ErrorKind::InvalidKeyFormat));
        }
        Ok(Self {
            algorithm,
            scheme,
            key: key.clone(),
        })
    }
}

impl Verifier<Vec<u8>> for PublicKeyVerifier {
    fn verify(&self, message: &[u8], signature: &Vec<u8>) -> Result<(), signature::Error> {
        let verified = match (&self.scheme, self.key.kind()) {
            (Scheme::Rsa(parameters), DecodingKeyKind::RsaModulusExponent { n, e }) => {
                ring_signature::RsaPublicKeyComponents { n, e }.verify(parameters, message, signature)
            }
            (Scheme::Point(algorithm), DecodingKeyKind::SecretOrDer(point)) => {
                ring_signature::UnparsedPublicKey::new(*algorithm, point).verify(message, signature)
            }
            _ => return Err(signature::Error::new()),
        };
        verified.map_err(|_| signature::Error::new())
    }
}

impl JwtVerifier for PublicKeyVerifier {
    fn algorithm(&self) -> Algorithm {
        self.algorithm
    }
}
