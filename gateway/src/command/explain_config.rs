//! `kakehashi explain-config`

use std::path::PathBuf;

use clap::Args;
use kakehashi_config::{Environment, explain, json_schema};

use super::{Failure, output};

/// Print every key of tenants.toml with the value in effect and where it comes from; secrets are masked.
#[derive(Debug, Args)]
pub(super) struct ExplainConfig {
    /// The tenants, sources and consumers.
    #[arg(long, default_value = "tenants.toml")]
    config: PathBuf,
    /// Only keys that begin so, such as gateway.limits.
    #[arg(default_value = "")]
    keys: String,
    /// For machines: a JSON array.
    #[arg(long)]
    json: bool,
    /// Print the JSON Schema of tenants.toml instead, for editors.
    #[arg(long, conflicts_with_all = ["keys", "json", "config"])]
    schema: bool,
}

impl ExplainConfig {
    pub(super) fn run(self) -> Result<(), Failure> {
        if self.schema {
            output::data(format_args!("{:#}", json_schema()));
            return Ok(());
        }
        let mut settings = explain(&self.config, &Environment::of_process()).map_err(Failure::Configuration)?;
        settings.retain(|setting| setting.key.starts_with(&self.keys));
        if settings.is_empty() {
            return Err(Failure::Other(format!("no key begins with `{}`", self.keys)));
        }
        if self.json {
            let json = serde_json::to_string_pretty(&settings);
            output::data(json.map_err(|error| Failure::other("the settings", error))?);
            return Ok(());
        }
        for setting in settings {
            // A value is as it stands in the configuration, whatever words it has.
            let origin = setting.origin.to_string();
            let origin = output::language().of(&origin);
            match &setting.value {
                Some(value) => output::data(format_args!("{} = {value}  # {origin}", setting.key)),
                None => output::data(format_args!(
                    "{} = {}  # {origin}",
                    setting.key,
                    output::language().of("(not set)")
                )),
            }
        }
        Ok(())
    }
}
