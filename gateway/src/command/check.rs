//! `kakehashi check`

use clap::Args;

use super::{Failure, Files, output};
use crate::config::ConfigOverrides;

/// Say whether a configuration would load, and why not.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    files: Files,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.files.load(&ConfigOverrides::default())?;
        if !config.warnings.is_empty() {
            output::note(&config.warnings);
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
