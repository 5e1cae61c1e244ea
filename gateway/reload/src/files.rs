//! Where the configuration is read from, at the start and at every reading after it.

use std::path::{Path, PathBuf};

use kakehashi_config::{Config, ConfigOverrides, Environment};
use kakehashi_core::diagnostics::Diagnostics;
use kakehashi_documents::files::{FileTexts, Files};
use kakehashi_documents::journal::{Failed as ApplyFailed, Journal, Places, finish as finish_apply};

/// tenants.toml, the folder of policies, and what a caller puts in the place of what they say.
#[derive(Debug, Clone)]
pub struct ConfigFiles {
    tenants_toml: PathBuf,
    policies: PathBuf,
    /// What a caller puts in the place of what the files say.
    pub overrides: ConfigOverrides,
}

impl ConfigFiles {
    /// These files.
    #[must_use]
    pub fn new(tenants_toml: &Path, policies: &Path, overrides: ConfigOverrides) -> Self {
        Self {
            tenants_toml: tenants_toml.to_owned(),
            policies: policies.to_owned(),
            overrides,
        }
    }

    /// Reads the first revision of a gateway, after completing an apply that was broken off.
    ///
    /// # Errors
    /// What is wrong with the files.
    pub fn load(&self) -> Result<Config, Diagnostics> {
        self.finish_apply();
        Config::load_with(
            &self.tenants_toml,
            &self.policies,
            &Environment::of_process(),
            &self.overrides,
        )
    }

    /// Reads what is to take the place of a revision that runs.
    pub(super) fn load_after(&self, running: &Config) -> Result<Config, Diagnostics> {
        self.finish_apply();
        let environment = Environment::of_process();
        Config::load_after(
            Some(running),
            &self.tenants_toml,
            &self.policies,
            &environment,
            &self.overrides,
        )
    }

    /// Reads what somebody proposes to take its place. `may_apply`: whoever may not apply it does not learn by it what else
    /// there is on this machine.
    pub fn load_proposed(&self, running: &Config, proposed: FileTexts, may_apply: bool) -> Result<Config, Diagnostics> {
        let environment = Environment::of_process();
        let environment = if may_apply {
            environment
        } else {
            environment.without_secrets()
        };
        let (tenants_toml, policies) = (&self.tenants_toml, &self.policies);
        Config::load_proposed(
            Some(running),
            proposed,
            tenants_toml,
            policies,
            &environment,
            &self.overrides,
        )
    }

    fn finish_apply(&self) {
        match finish_apply(&self.places()) {
            Ok(true) => tracing::warn!("completed an apply that was broken off"),
            Ok(false) => {}
            Err(error) => {
                tracing::warn!(%error, "an apply that was broken off cannot be completed on the disk; it counts as done");
            }
        }
    }

    /// What the disk holds of a revision: the files that it knows, and those of the folder of policies.
    pub(super) fn on_disk(&self, known: &FileTexts) -> FileTexts {
        let (files, places) = (Files::on_disk(&self.tenants_toml), self.places());
        let mut names: Vec<String> = known.keys().cloned().collect();
        for (folder, end) in [("policies", ".cedar"), ("policies/tests", ".toml")] {
            let listed = files.names_in(&places.of(&format!("{folder}/")), folder, end);
            names.extend(listed.into_iter().map(|own| format!("{folder}/{own}")));
        }
        for name in names {
            // What cannot be read is not there as far as a revision is concerned.
            let _ = files.read(&places.of(&name), &name);
        }
        files.texts(Some(known))
    }

    /// Makes the disk hold other files than it does.
    pub(super) fn write(&self, before: &FileTexts, after: &FileTexts) -> Result<(), ApplyFailed> {
        Journal::between(before, after).carry_out(&self.places(), &|| Ok(()))
    }

    fn places(&self) -> Places {
        Places::new(&self.tenants_toml, &self.policies)
    }

    /// The file that findings about tenants.toml name.
    pub fn tenants_toml(&self) -> &Path {
        &self.tenants_toml
    }

    /// The file that findings about a tenant's policies name.
    pub fn policy_file(&self, tenant: &str) -> PathBuf {
        self.policies.join(format!("{tenant}.cedar"))
    }

    /// The folders in which something may change that a revision was read from.
    pub(super) fn folders(&self, config: &Config) -> Vec<PathBuf> {
        let places = self.places();
        let mut folders = vec![self.policies.clone(), self.policies.join("tests")];
        for name in config.files.keys() {
            let path = places.of(name);
            // A link is followed: what it leads to may be changed where it is.
            for path in [Some(path.clone()), path.canonicalize().ok()].into_iter().flatten() {
                let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
                folders.push(parent.unwrap_or(Path::new(".")).to_owned());
            }
        }
        folders.sort();
        folders.dedup();
        folders
    }
}
