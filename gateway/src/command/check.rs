//! `kakehashi check`

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;
use std::sync::Arc;

use clap::Args;
use kakehashi_config::{Config, ConfigOverrides, advice};
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
                output::findings(findings);
            }
        }
        for told in self.tried_on_samples(&config) {
            output::warning(told);
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

impl Check {
    /// What mappings tell of the samples that they name. Several sources may have one mapping.
    fn tried_on_samples(&self, config: &Config) -> Vec<String> {
        let folder = self.files.config.parent().unwrap_or(Path::new(""));
        let read = |file: &Path| {
            let mut sample = Vec::new();
            let taken = File::open(folder.join(file))?.take(MOST_SAMPLE + 1);
            let length = BufReader::new(taken).read_to_end(&mut sample)? as u64;
            match length > MOST_SAMPLE {
                true => Err(io::Error::other(format!("it has more than {MOST_SAMPLE} bytes"))),
                false => Ok(sample),
            }
        };
        let mut told: Vec<String> = Vec::new();
        for source in config.sources() {
            for one in source.settings.tried_on_samples(&read) {
                if !told.contains(&one) {
                    told.push(one);
                }
            }
        }
        told
    }
}

/// The largest sample that is read, in bytes: a page of records, not all that a platform has.
const MOST_SAMPLE: u64 = 16 * 1024 * 1024;

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
