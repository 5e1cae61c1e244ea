//! `kakehashi store history`

use clap::Args;
use jiff::Timestamp;
use kakehashi_config::ConfigOverrides;
use kakehashi_state::State;
use kakehashi_state::acts::ActRecord;
use serde_json::json;

use super::{Failure, Files, output, runtime};

/// The hours that clocks in Japan are ahead.
const JAPAN: i8 = 9;

/// List what was done with whole partitions: imports, exports, backups and restores, the latest last.
#[derive(Debug, Args)]
pub(in crate::command) struct History {
    #[command(flatten)]
    files: Files,
    /// Of this tenant alone.
    #[arg(long)]
    tenant: Option<String>,
    /// For machines.
    #[arg(long)]
    json: bool,
}

impl History {
    pub(super) fn run(self) -> Result<(), Failure> {
        let config = self.files.load_to_look(&ConfigOverrides::default())?;
        let file = &config.gateway.state;
        let mut acts = Vec::new();
        // Looking makes nothing.
        if file.exists() {
            let failed = |error: &dyn std::fmt::Display| Failure::other(&file.display().to_string(), error);
            acts = runtime()?.block_on(async {
                let state = State::open(file).await.map_err(|error| failed(&error))?;
                let acts = state.acts().acts().await.map_err(|error| failed(&error));
                state.close().await;
                acts
            })?;
        }
        acts.retain(|act| self.tenant.as_ref().is_none_or(|tenant| act.tenant == *tenant));
        if self.json {
            let acts: Vec<_> = acts.iter().map(for_machines).collect();
            return output::json(&json!({ "acts": acts }));
        }
        if acts.is_empty() {
            output::note("nothing was done yet");
        }
        for act in &acts {
            let outcome = act.outcome.as_deref().unwrap_or("not ended");
            output::data(format_args!(
                "{}  {}  {}  {}  {}  {}",
                time(act),
                act.act,
                in_one_line(&act.tenant),
                in_one_line(&act.by),
                in_one_line(&act.what),
                in_one_line(outcome)
            ));
        }
        Ok(())
    }
}

/// A text without what would begin another line, or another column: what stands in an act is as somebody has named it.
fn in_one_line(text: &str) -> String {
    let shown = text.chars().map(|character| match character.is_whitespace() {
        true => ' ',
        false => character,
    });
    shown.collect()
}

fn time(act: &ActRecord) -> String {
    let at = Timestamp::from_millisecond(act.at).unwrap_or_default();
    let there = jiff::tz::offset(JAPAN).to_datetime(at);
    there.strftime("%Y-%m-%d %H:%M:%S +09:00").to_string()
}

fn for_machines(act: &ActRecord) -> serde_json::Value {
    let at = Timestamp::from_millisecond(act.at).unwrap_or_default();
    json!({
        "at": at.to_string(),
        "act": act.act,
        "tenant": act.tenant,
        "by": act.by,
        "what": act.what,
        "outcome": act.outcome,
    })
}
