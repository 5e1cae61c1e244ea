//! `kakehashi who-can-see`

use clap::Args;
use kakehashi_config::{ConfigOverrides, today_in_japan};
use kakehashi_explain::who_can_see::{WhoCanSee as Asked, who_can_see};
use kakehashi_revision::Revision;
use tokio_util::sync::CancellationToken;

use super::{Failure, Files, output, runtime};

/// Print who sees a type of a tenant's, or an attribute of it: every consumer and purpose, by which permits and under which
/// conditions; or why nobody does. No source is contacted.
#[derive(Debug, Args)]
pub(super) struct WhoCanSee {
    #[command(flatten)]
    files: Files,
    /// For machines.
    #[arg(long)]
    json: bool,
    /// Whose data.
    tenant: String,
    /// Of which entity type: a short name or an IRI.
    r#type: String,
    /// Which attribute; without it, the entities as such.
    attribute: Option<String>,
}

impl WhoCanSee {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.files.load_to_look(&ConfigOverrides::default())?;
        let sources = runtime()?.block_on(Revision::unopened_sources(&config));
        let sources = sources.map_err(|error| Failure::other("the sources", error))?;
        let asked = Asked {
            tenant: &self.tenant,
            r#type: &self.r#type,
            attribute: self.attribute.as_deref(),
            today: today_in_japan(),
            told_to: None,
        };
        let seen = who_can_see(&config, &sources, &asked, &CancellationToken::new());
        let seen = seen.map_err(|reason| Failure::Other(reason.to_string()))?;
        if self.json {
            return output::json(&seen);
        }
        output::line(seen.to_string().trim_end());
        Ok(())
    }
}
