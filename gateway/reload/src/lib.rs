//! Taking over an edited configuration while the gateway runs: whole or not at all.
//!
//! | module | owns |
//! |---|---|
//! | [`files`] | where the configuration is read from |
//! | `apply` | what an administrator proposes over the admin API |
//! | [`history`] | the revisions that ran, to go back to |
//! | `watch` | noticing that files were changed, and SIGHUP |
//!
//! A new revision is read, checked and built beside the one that runs; then one pointer changes. Requests under way
//! keep the revision that they began with. What is wrong with an edit goes to the log, to a metric and to the admin
//! API, and the running revision stays.

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod apply;
pub mod files;
pub mod history;
#[cfg(test)]
mod tests;
mod watch;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use jiff::Timestamp;
use kakehashi_config::Config;
use kakehashi_core::diagnostics::Diagnostics;
use kakehashi_revision::Revision;
use kakehashi_running::Gateway;

pub use self::apply::changed;
pub use self::apply::{Applied, Change, Judge, JudgeSlowly, Proposal, Propose, Refused};
pub use self::files::ConfigFiles;
pub use self::history::{History, Past};
pub use self::watch::watch;

/// Proposals of tenants' administrators and auditors that are read at once, `diff` included: each is a whole revision beside
/// the one that runs.
const MOST_PROPOSALS_READ: usize = 2;

/// Why a revision was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Cause {
    /// The gateway has started.
    Start,
    /// A file was changed.
    Files,
    /// SIGHUP.
    Signal,
    /// An administrator has applied it.
    Apply(Arc<str>),
    /// An administrator has gone back to it.
    RollBack(Arc<str>),
}

impl Cause {
    /// The word for it in logs and answers.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Start => "start",
            Self::Files => "files",
            Self::Signal => "signal",
            Self::Apply(_) => "apply",
            Self::RollBack(_) => "roll-back",
        }
    }

    /// The administrator, if it was one.
    #[must_use]
    pub fn administrator(&self) -> Option<&Arc<str>> {
        match self {
            Self::Apply(id) | Self::RollBack(id) => Some(id),
            Self::Start | Self::Files | Self::Signal => None,
        }
    }

    fn of(word: &str, administrator: Option<String>) -> Self {
        match (word, administrator) {
            ("apply", Some(id)) => Self::Apply(id.into()),
            ("roll-back", Some(id)) => Self::RollBack(id.into()),
            ("signal", _) => Self::Signal,
            ("start", _) => Self::Start,
            _ => Self::Files,
        }
    }
}

/// The latest edit that was refused.
#[derive(Debug, Clone)]
pub struct Refusal {
    /// When.
    pub at: Timestamp,
    /// Why it was read.
    pub cause: Cause,
    /// What is wrong with it; secrets are masked.
    pub diagnostics: Diagnostics,
}

/// What became of a reading of the files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// A new revision runs.
    Applied,
    /// The files say what they said before.
    Unchanged,
    /// The running revision stays.
    Refused,
}

impl Outcome {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Applied => "applied",
            Self::Unchanged => "unchanged",
            Self::Refused => "refused",
        }
    }
}

/// A part of the gateway that must change together with the revision, such as what a listener shows as its
/// certificate. It is asked at every reading, also when the files of the revision are the same.
pub trait FollowsReload: Send + Sync {
    /// Prepares what the revision asks for, and returns what puts it in place. That is called after every part has
    /// prepared itself, at the moment at which the revision begins to hold, and must not fail or wait.
    ///
    /// # Errors
    /// What is wrong, and what would be right; the revision is refused.
    fn prepare(&self, revision: &Revision) -> Result<Box<dyn FnOnce() + Send>, Diagnostics>;
}

/// A revision that needs nothing more to hold.
struct Ready {
    /// `None`: the one that runs says the same.
    revision: Option<Arc<Revision>>,
    put_in_place: Vec<Box<dyn FnOnce() + Send>>,
}

/// Replaces the running revision.
pub struct Reloader {
    gateway: Arc<Gateway>,
    files: ConfigFiles,
    /// One reading of the files, and one revision that takes the place of another, at a time.
    turn: tokio::sync::Mutex<()>,
    /// Proposals that are read at once, of those who are no operators.
    reading_proposals: Arc<tokio::sync::Semaphore>,
    followers: Mutex<Vec<Arc<dyn FollowsReload>>>,
    refusal: Mutex<Option<Arc<Refusal>>>,
    history: History,
}

impl fmt::Debug for Reloader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reloader")
            .field("files", &self.files)
            .finish_non_exhaustive()
    }
}

impl Reloader {
    /// For a gateway whose revision was read from these files.
    pub async fn new(gateway: &Arc<Gateway>, files: ConfigFiles, history: History) -> Arc<Self> {
        let reloader = Self {
            gateway: Arc::clone(gateway),
            files,
            turn: tokio::sync::Mutex::new(()),
            reading_proposals: Arc::new(tokio::sync::Semaphore::new(MOST_PROPOSALS_READ)),
            followers: Mutex::default(),
            refusal: Mutex::default(),
            history,
        };
        reloader.history.add(&gateway.revision().config, Cause::Start).await;
        let reloader = Arc::new(reloader);
        let kept = Arc::downgrade(&reloader);
        let keeping = gateway
            .tasks
            .upkeep
            .keep_running(move || keep_history(Weak::clone(&kept)));
        if let Err(error) = keeping {
            tracing::error!(%error, "what of the history cannot be written at once is written with the next revision alone");
        }
        reloader
    }

    /// Lets a part of the gateway take part in every reading from now on.
    pub fn join(&self, follower: Arc<dyn FollowsReload>) {
        self.followers
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .push(follower);
    }

    /// The revision that runs.
    #[must_use]
    pub fn running(&self) -> Arc<Revision> {
        self.gateway.revision()
    }

    /// The latest edit that was refused, unless a later one was well.
    #[must_use]
    pub fn refusal(&self) -> Option<Arc<Refusal>> {
        self.refusal.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// The revisions that ran.
    #[must_use]
    pub fn history(&self) -> &History {
        &self.history
    }

    /// Where the files are.
    #[must_use]
    pub fn files(&self) -> &ConfigFiles {
        &self.files
    }

    /// Reads the files again, and lets what they say hold from now on, if it is well.
    pub async fn reload(&self, cause: Cause) -> Outcome {
        let _turn = self.turn.lock().await;
        // Whoever has this read has perhaps withdrawn a key at an issuer, too; who asks for it by a signal may mean just that.
        match cause {
            Cause::Signal => self.gateway.tokens.distrust_keys(),
            _ => self.gateway.tokens.doubt_keys(),
        }
        let (files, running) = (self.files.clone(), self.gateway.revision());
        let read = tokio::task::spawn_blocking(move || files.load_after(&running.config)).await;
        let ready = match read {
            Ok(Ok(config)) => Box::pin(self.prepare(config)).await,
            Ok(Err(diagnostics)) => Err(diagnostics),
            Err(_) => Err(Diagnostics::error(
                "the files could not be read: a fault of the gateway",
                None,
            )),
        };
        match ready {
            Ok(ready) => self.hold(ready, cause).await,
            Err(diagnostics) => {
                self.refuse(cause, diagnostics);
                Outcome::Refused
            }
        }
    }

    /// Builds everything that a revision needs. Called by whoever has the turn; nothing has changed yet.
    async fn prepare(&self, config: Config) -> Result<Ready, Diagnostics> {
        let earlier = self.gateway.revision();
        let is_same = is_same(&earlier.config, &config);
        let built = Revision::build_after(&earlier, config).await;
        let revision = built.map_err(|error| Diagnostics::error(error.to_string(), None))?;
        let followers = self.followers.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let prepared = followers.iter().map(|follower| follower.prepare(&revision));
        Ok(Ready {
            put_in_place: prepared.collect::<Result<_, _>>()?,
            revision: (!is_same).then(|| Arc::new(revision)),
        })
    }

    /// Lets what was prepared hold from now on.
    async fn hold(&self, ready: Ready, cause: Cause) -> Outcome {
        let before = self.gateway.revision().config.revision.clone();
        let outcome = match ready.revision {
            Some(revision) => {
                self.gateway.replace(revision);
                Outcome::Applied
            }
            None => Outcome::Unchanged,
        };
        for put_in_place in ready.put_in_place {
            put_in_place();
        }
        let running = self.gateway.revision();
        let config = &running.config;
        self.gateway.metrics.record_revision(config.revision.as_str());
        self.gateway.metrics.record_reload(outcome.as_str());
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if outcome == Outcome::Applied {
            tracing::info!(
                revision = %config.revision,
                %before,
                cause = cause.as_str(),
                administrator = cause.administrator().map_or("", |id| id.as_ref()),
                "a new revision holds"
            );
            for warning in config.warnings.iter() {
                tracing::warn!(finding = %warning, "look at the configuration");
            }
            self.history.add(config, cause).await;
        }
        outcome
    }

    /// Tells everywhere that an edit was refused.
    fn refuse(&self, cause: Cause, diagnostics: Diagnostics) {
        let refusal = Arc::new(Refusal {
            at: Timestamp::now(),
            cause,
            diagnostics,
        });
        // The log comes last: who reads there that an edit was refused finds it everywhere else.
        *self.refusal.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&refusal));
        self.gateway.metrics.record_reload(Outcome::Refused.as_str());
        tracing::error!(
            cause = refusal.cause.as_str(),
            administrator = refusal.cause.administrator().map_or("", |id| id.as_ref()),
            running = %self.gateway.revision().config.revision,
            diagnostics = %refusal.diagnostics,
            "the configuration is refused; the running revision stays"
        );
    }
}

/// Reads and writes of the history what could not be, whenever that may have become possible.
async fn keep_history(reloader: Weak<Reloader>) {
    let Some(mut changes) = reloader.upgrade().map(|reloader| reloader.history.changes()) else {
        return;
    };
    loop {
        let Some(reloader) = reloader.upgrade() else {
            return;
        };
        if reloader.history.is_behind()
            && let Err(error) = reloader.history.catch_up().await
            && !error.is_passing()
        {
            tracing::error!(%error, "the history of the configuration cannot be written");
        }
        drop(reloader);
        if changes.changed().await.is_err() {
            return;
        }
    }
}

/// Whether nothing has changed, secrets included.
fn is_same(earlier: &Config, config: &Config) -> bool {
    let same_source = |source: &kakehashi_config::SourceConfig| {
        let known = earlier.source(&source.id);
        known.is_some_and(|known| known.fingerprint == source.fingerprint)
    };
    earlier.revision == config.revision && config.sources().all(|source| same_source(source))
}
