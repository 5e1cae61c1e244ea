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

/// Who does it, as far as the system says: who has become another user to do it is who was there before.
fn who() -> String {
    let named = ["SUDO_USER", "USER", "LOGNAME"]
        .into_iter()
        .find_map(|name| std::env::var(name).ok());
    named.filter(|name| !name.is_empty()).unwrap_or_else(|| "-".to_owned())
}
