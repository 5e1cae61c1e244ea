//! `kakehashi key`

use clap::Subcommand;
use rand::RngExt;
use sha2::{Digest, Sha256};

use super::{Failure, output};

/// Make API keys.
#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Print a new key, and the hash of it that belongs into tenants.toml.
    New,
}

impl Key {
    #[expect(clippy::unnecessary_wraps, reason = "all commands have one shape")]
    pub(super) fn run(self) -> Result<(), Failure> {
        match self {
            Self::New => {
                let key = ApiKey::random();
                output::line(format_args!("key     {}", key.text));
                output::line(format_args!("sha256  {}", hex::encode(key.sha256)));
                output::line("Give the key to the consumer, once. Put the hash into tenants.toml:");
                output::line(format_args!(
                    "keys = [{{ name = \"...\", sha256 = \"{}\" }}]",
                    hex::encode(key.sha256)
                ));
                Ok(())
            }
        }
    }
}

/// A key and what is stored of it.
#[derive(Debug)]
pub(super) struct ApiKey {
    pub(super) text: String,
    pub(super) sha256: [u8; 32],
}

impl ApiKey {
    /// A key of 256 random bits. The prefix lets scanners of source code find one that was committed.
    pub(super) fn random() -> Self {
        let bytes: [u8; 32] = rand::rng().random();
        let text = format!("kkh_{}", hex::encode(bytes));
        let sha256 = Sha256::digest(text.as_bytes()).into();
        Self { text, sha256 }
    }
}
