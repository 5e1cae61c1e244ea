//! `kakehashi diff`

use std::path::{Path, PathBuf};

use clap::Args;
use kakehashi_config::{Config, ConfigOverrides, Environment};
use kakehashi_diff::compare;

use super::{Failure, output};

/// Print who gains and who loses what, when one configuration takes the place of another.
#[derive(Debug, Args)]
pub(super) struct Diff {
    /// The configuration that is replaced: a folder with tenants.toml and policies/, or a tenants.toml beside policies/.
    old: PathBuf,
    /// The one that takes its place.
    new: PathBuf,
    /// The folder of policies of the first, where it is not beside its tenants.toml.
    #[arg(long)]
    old_policies: Option<PathBuf>,
    /// The folder of policies of the second, where it is not beside its tenants.toml.
    #[arg(long)]
    new_policies: Option<PathBuf>,
    /// Only what concerns the data of this tenant.
    #[arg(long)]
    tenant: Option<String>,
    /// For machines.
    #[arg(long)]
    json: bool,
    /// Exit with 1 when anybody gains or loses anything, or may.
    #[arg(long)]
    exit_code: bool,
}

impl Diff {
    pub(super) fn run(self) -> Result<(), Failure> {
        let old = load(&self.old, self.old_policies.as_deref(), None)?;
        let new = load(&self.new, self.new_policies.as_deref(), Some(&old))?;
        let tenant = match self.tenant.as_deref() {
            None => None,
            Some(name) => {
                let known = new.tenant(name).or_else(|| old.tenant(name));
                let tenant = known.ok_or_else(|| Failure::Other(format!("no tenant is called `{name}`")))?;
                Some(&tenant.id)
            }
        };
        let difference = compare(&old, &new, tenant);
        if self.json {
            output::json(&difference)?;
        } else {
            output::line(&difference);
        }
        if self.exit_code && difference.is_any() {
            return Err(Failure::Other(
                "what is granted, or what else decides what is seen, has changed".to_owned(),
            ));
        }
        Ok(())
    }
}

/// Reads one configuration; what the other has made of the same files is taken over.
fn load(place: &Path, policies: Option<&Path>, earlier: Option<&Config>) -> Result<Config, Failure> {
    let tenants_toml = if place.is_dir() {
        place.join("tenants.toml")
    } else {
        place.to_owned()
    };
    let beside = tenants_toml.parent().unwrap_or(Path::new("")).join("policies");
    let policies = policies.map_or(beside, Path::to_owned);
    let environment = Environment::of_process().only_to_look();
    let overrides = ConfigOverrides::default();
    Config::load_after(earlier, &tenants_toml, &policies, &environment, &overrides).map_err(Failure::Configuration)
}
