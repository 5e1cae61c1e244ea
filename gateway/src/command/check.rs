//! `kakehashi check`

use std::sync::Arc;

use clap::Args;
use kakehashi_config::{ConfigOverrides, advice};
use kakehashi_documents::vocabulary::compact_type;
use kakehashi_federation::overlaps::{Overlap, overlaps};
use kakehashi_federation::registry::RegisteredSource;
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
        let runtime = runtime()?;
        let sources = runtime.block_on(Revision::unopened_sources(&config));
        let sources = sources.map_err(|error| Failure::other("the sources cannot be set up", error))?;
        let files = runtime.block_on(Revision::examine_files(&config));
        files.map_err(|error| Failure::other("cannot start", error))?;
        for findings in [&config.warnings, &advice(&config, &self.files.policies)] {
            if !findings.is_empty() {
                output::note(findings);
            }
        }
        for overlap in overlaps(sources.configured()) {
            output::line(format_args!("{}", told(&overlap, sources.configured())));
        }
        for source in config.sources() {
            if let Some(hold) = &source.hold {
                output::note(format_args!("source {} {hold}", source.id));
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

/// Types and sources that are named before the rest is counted.
const NAMED: usize = 8;

/// What is said of sources that may hold entities of the same ids.
fn told(overlap: &Overlap, sources: &[Arc<RegisteredSource>]) -> String {
    let types = overlap.types.iter().map(compact_type);
    let names = overlap.sources.iter().filter_map(|place| {
        let source = sources.get(*place)?;
        Some(match source.is_store {
            true => format!("`{}` of {}", source.id, source.tenant),
            false => format!("`{}`", source.id),
        })
    });
    format!(
        "note: {}: {} may have the same ids: what one finds the others are asked for, and a count reads the ids of all. Where that is \
         not so, say `ids = \"own\"` of a source, or `id_pattern` of what it provides",
        listed(&types.collect::<Vec<_>>()),
        listed(&names.collect::<Vec<_>>())
    )
}

/// The first of some names, and how many more there are.
fn listed(names: &[String]) -> String {
    match names.get(..NAMED) {
        Some(first) if names.len() > NAMED => format!("{} and {} more", first.join(", "), names.len() - NAMED),
        _ => names.join(", "),
    }
}
