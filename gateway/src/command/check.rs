//! `kakehashi check`

use clap::Args;

use super::{Failure, Files, output};
use crate::config::ConfigOverrides;
use crate::policy::advice;

/// Say whether a configuration would load, and why not.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    files: Files,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.files.load(&ConfigOverrides::default())?;
        for findings in [&config.warnings, &advice(&config, &self.files.policies)] {
            if !findings.is_empty() {
                output::note(findings);
            }
        }
        output::line(format_args!(
            "well: revision {}, {} tenants, {} sources, {} consumers",
            config.revision,
            config.tenants.len(),
            config.sources().count(),
            config.consumers.iter().count(),
        ));
        Ok(())
    }
}
