//! The history of acts: what was done with whole partitions by a command stands in the gateway's state, before it is done.

use std::time::{SystemTime, UNIX_EPOCH};

use kakehashi_config::Config;
use kakehashi_state::State;
use kakehashi_state::acts::ActRecord;

use super::{Failure, output};

/// Acts that are remembered: years of a nightly backup of some tenants.
const MOST: i64 = 10_000;

/// An act that is being done.
pub(super) struct Act {
    state: State,
    number: i64,
}

impl Act {
    /// Writes down that somebody begins to do it.
    ///
    /// # Errors
    /// That it cannot be written down; then it is not to be done.
    pub(super) async fn begin(config: &Config, act: &str, tenant: &str, what: &str) -> Result<Self, Failure> {
        let failed = |error: &dyn std::fmt::Display| {
            Failure::Other(format!(
                "nothing was done, because it cannot be written down in the history, {}: {error}",
                config.gateway.state.display()
            ))
        };
        let state = State::open(&config.gateway.state)
            .await
            .map_err(|error| failed(&error))?;
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let record = ActRecord {
            number: 0,
            at: i64::try_from(millis.as_millis()).unwrap_or(i64::MAX),
            act: act.to_owned(),
            tenant: tenant.to_owned(),
            by: who(),
            what: what.to_owned(),
            outcome: None,
        };
        let number = state.acts().append_act(&record, MOST).await;
        Ok(Self {
            number: number.map_err(|error| failed(&error))?,
            state,
        })
    }

    /// Writes down how it has ended.
    pub(super) async fn end(self, outcome: &str) {
        if let Err(error) = self.state.acts().end_act(self.number, outcome).await {
            output::warning(format_args!(
                "how it has ended cannot be written down in the history: {error}"
            ));
        }
        self.state.close().await;
    }

    /// As [`Act::end`], with what became of it.
    pub(super) async fn end_with<T>(
        self,
        result: Result<T, Failure>,
        told: impl FnOnce(&T) -> String,
    ) -> Result<T, Failure> {
        match &result {
            Ok(value) => self.end(&told(value)).await,
            Err(failure) => self.end(&format!("failed: {failure}")).await,
        }
        result
    }
}

/// Longest name that is remembered, in characters: what the environment says is anybody's text.
const MOST_OF_A_NAME: usize = 64;

/// Who does it, as the system knows the process. Who was somebody else before is named beside it, as far as the environment says
/// so, which is not the system's word.
fn who() -> String {
    let user = rustix::process::getuid().as_raw();
    let name = name_of(user).unwrap_or_else(|| user.to_string());
    let before = std::env::var("SUDO_USER").ok().filter(|before| !before.is_empty());
    match before {
        Some(before) => {
            let before: String = before.chars().take(MOST_OF_A_NAME).collect();
            [&name, " (SUDO_USER: ", &before, ")"].concat()
        }
        None => name,
    }
}

/// The name of a user of this machine, where it is known here.
fn name_of(user: u32) -> Option<String> {
    let users = std::fs::read_to_string("/etc/passwd").ok()?;
    users.lines().find_map(|line| {
        let mut fields = line.split(':');
        let name = fields.next().filter(|name| !name.is_empty())?;
        let is_it = fields.nth(1)?.parse() == Ok(user);
        is_it.then(|| name.to_owned())
    })
}
