//! `kakehashi key`

use std::path::PathBuf;

use clap::{Args, Subcommand};
use kakehashi_config::today_in_japan;
use rand::RngExt;
use sha2::{Digest, Sha256};

use super::key_file::{KeyFile, ListedKey};
use super::{Failure, output};

/// Make, list and revoke API keys.
#[derive(Debug, Subcommand)]
pub(super) enum Key {
    /// Print a new key, and the hash of it that belongs into tenants.toml.
    New,
    /// List the keys of tenants.toml: whose, what it is called, until when it is valid, and whether it is.
    List(List),
    /// Take a key out of tenants.toml, with the comments on it. The rest of the file stays as it is.
    Revoke(Revoke),
}

/// List the keys.
#[derive(Debug, Args)]
pub(super) struct List {
    /// The file with the consumers.
    #[arg(long, default_value = "tenants.toml")]
    config: PathBuf,
    /// Only the keys of this consumer or administrator.
    holder: Option<String>,
    /// For machines: a JSON array.
    #[arg(long)]
    json: bool,
}

/// Revoke a key.
#[derive(Debug, Args)]
pub(super) struct Revoke {
    /// The file with the consumers.
    #[arg(long, default_value = "tenants.toml")]
    config: PathBuf,
    /// Whose key.
    holder: String,
    /// What it is called.
    name: String,
    /// The beginning of its hash, where two keys have one name.
    #[arg(long)]
    sha256: Option<String>,
}

impl Key {
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
            Self::List(list) => list.run(),
            Self::Revoke(revoke) => revoke.run(),
        }
    }
}

impl List {
    fn run(self) -> Result<(), Failure> {
        let file = KeyFile::read(&self.config)?;
        if let Some(holder) = &self.holder {
            file.check_holder(holder)?;
        }
        let mut keys = file.keys(today_in_japan());
        keys.retain(|key| self.holder.as_ref().is_none_or(|holder| key.holder == *holder));
        if self.json {
            let json = serde_json::to_string_pretty(&keys);
            output::data(json.map_err(|error| Failure::other("the keys", error))?);
            return Ok(());
        }
        let width = |of: fn(&ListedKey) -> &str| keys.iter().map(|key| of(key).chars().count()).max().unwrap_or(0);
        let (holders, names) = (width(|key| &key.holder), width(|key| &key.name));
        for key in &keys {
            let expires = key.expires.as_deref().unwrap_or("never");
            output::line(format_args!(
                "{:holders$}  {:names$}  {expires:10}  {}",
                key.holder, key.name, key.state
            ));
        }
        output::note(format_args!("{} keys", keys.len()));
        Ok(())
    }
}

impl Revoke {
    fn run(self) -> Result<(), Failure> {
        let mut file = KeyFile::read(&self.config)?;
        let left = file.revoke(&self.holder, &self.name, self.sha256.as_deref())?;
        file.write()?;
        output::line(format_args!(
            "revoked: key `{}` of `{}`, in {}",
            self.name,
            self.holder,
            self.config.display()
        ));
        if left == 0 {
            output::note(format_args!("`{}` has no key left", self.holder));
        }
        output::note("It is refused as soon as the gateway has read the file again.");
        Ok(())
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
