//! `kakehashi check`

use clap::Args;
use kakehashi_config::{ConfigOverrides, advice};
use kakehashi_revision::Revision;

use super::{Failure, Files, output, runtime};

/// Say whether a configuration would load, and why not.
#[derive(Debug, Args)]
pub(super) struct Check {
    #[command(flatten)]
    files: Files,
}

impl Check {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.files.load(&ConfigOverrides::default())?;
        // What its files are right about could still be more than an adapter can do.
        let sources = runtime()?.block_on(Revision::unopened_sources(&config));
        sources.map_err(|error| Failure::other("the sources cannot be set up", error))?;
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
