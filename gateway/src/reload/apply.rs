//! Applying what an administrator proposes: checked and built as an edit of the files would be, against the revision
//! that the administrator has seen, then written to the files, then held. Nothing of it happens by halves.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;

use super::history::Past;
use super::{Cause, ConfigFiles, Reloader};
use crate::Revision;
use crate::config::{ApplyFailed, Config, Diagnostics, FileTexts, RevisionId};

/// What an administrator proposes.
pub struct Proposal {
    /// The revision that was seen when it was made; `None`: whichever runs.
    pub base: Option<RevisionId>,
    /// What is proposed.
    pub change: Change,
    /// Who proposes it, and how.
    pub cause: Cause,
    /// Only to be checked.
    pub dry_run: bool,
    /// Edits of the files that do not hold, because they were refused, may be overwritten.
    pub discard_edits: bool,
}

/// From the files that run to those that are proposed; an error says why that cannot be.
pub type Propose = Box<dyn FnOnce(&FileTexts) -> Result<FileTexts, Refused> + Send>;

/// Whether who proposes a revision may have it, in the place of the one that runs; an error says why not. It is asked of
/// what is well in itself.
pub type Judge = Box<dyn for<'a> FnOnce(&'a Config, &'a Config) -> BoxFuture<'a, Result<(), Refused>> + Send>;

/// A change of the files of a revision: from those that run to those that are proposed.
pub struct Change {
    /// The part of a revision that is changed. A revision that was replaced meanwhile is no conflict if this part of it
    /// is the same.
    pub part: Box<dyn Fn(&FileTexts) -> FileTexts + Send + Sync>,
    /// From the files that run to those that are proposed; an error says why that cannot be.
    pub propose: Propose,
    /// Whether it may be; `None`: whatever is well may.
    pub judge: Option<Judge>,
}

/// What became of a proposal.
#[derive(Debug)]
pub struct Applied {
    /// The id of what was proposed.
    pub revision: RevisionId,
    /// The files that it changes.
    pub changed: Vec<String>,
    /// What to look at although it is well.
    pub warnings: Diagnostics,
    /// All files of it.
    pub files: FileTexts,
}

/// Why a proposal does not hold.
#[derive(Debug)]
pub enum Refused {
    /// Somebody was faster.
    Conflict {
        /// What runs, if it is still remembered: who, when, how.
        running: Option<Past>,
        /// The files that were changed since the base; `None`: the base is not remembered.
        changed: Option<Vec<String>>,
    },
    /// These files hold edits that do not hold.
    EditedByHand(Vec<String>),
    /// It is wrong.
    Invalid {
        /// What is wrong with it.
        diagnostics: Diagnostics,
        /// The files that were proposed.
        files: FileTexts,
    },
    /// It is not for this administrator to change.
    Forbidden(String),
    /// The files cannot be written.
    CannotWrite(String),
    /// A fault of the gateway.
    Internal,
}

/// A proposal that is well.
struct Checked {
    config: Config,
    before: FileTexts,
    after: FileTexts,
    changed: Vec<String>,
}

impl Reloader {
    /// Applies a proposal, or only checks it.
    ///
    /// # Errors
    /// [`Refused`]; then nothing has changed.
    pub async fn apply(&self, proposal: Proposal) -> Result<Applied, Refused> {
        let _turn = self.turn.lock().await;
        let running = self.gateway.revision();
        self.check_base(&proposal, &running)?;
        let (dry_run, cause) = (proposal.dry_run, proposal.cause.clone());
        let mut proposal = proposal;
        let judge = proposal.change.judge.take();
        let (files, runs) = (self.files.clone(), Arc::clone(&running));
        let checked = tokio::task::spawn_blocking(move || check(&files, &runs, proposal)).await;
        let checked = match checked.map_err(|_| Refused::Internal)? {
            Err(Refused::Invalid { diagnostics, files }) if !dry_run => {
                self.refuse(cause, diagnostics.clone());
                return Err(Refused::Invalid { diagnostics, files });
            }
            checked => checked?,
        };
        if let Some(judge) = judge {
            judge(&running.config, &checked.config).await?;
        }
        let applied = Applied {
            revision: checked.config.revision.clone(),
            changed: checked.changed.clone(),
            warnings: checked.config.warnings.clone(),
            files: checked.after.clone(),
        };
        if !dry_run {
            self.carry_out(checked, cause).await?;
        }
        Ok(applied)
    }

    fn check_base(&self, proposal: &Proposal, running: &Revision) -> Result<(), Refused> {
        let Some(base) = proposal.base.as_ref().filter(|base| **base != running.config.revision) else {
            return Ok(());
        };
        let base = self.history.find(base.as_str());
        let part = &proposal.change.part;
        match base {
            Some(base) if part(&base.files) == part(&running.config.files) => Ok(()),
            base => Err(Refused::Conflict {
                running: self.history.latest(),
                changed: base.map(|base| changed(&base.files, &running.config.files)),
            }),
        }
    }

    /// Writes the files between building and holding: whatever fails before has changed nothing, and what holds is on
    /// the disk.
    async fn carry_out(&self, checked: Checked, cause: Cause) -> Result<(), Refused> {
        let Checked {
            config, before, after, ..
        } = checked;
        let ready = match Box::pin(self.prepare(config)).await {
            Ok(ready) => ready,
            Err(diagnostics) => {
                self.refuse(cause, diagnostics.clone());
                return Err(Refused::Invalid {
                    diagnostics,
                    files: after,
                });
            }
        };
        let files = self.files.clone();
        let written = tokio::task::spawn_blocking(move || files.write(&before, &after)).await;
        match written.map_err(|_| Refused::Internal)? {
            Ok(()) => {}
            Err(error @ ApplyFailed::Nothing(_)) => return Err(Refused::CannotWrite(error.to_string())),
            Err(error @ ApplyFailed::Unfinished(_)) => {
                tracing::error!(%error, "an apply is not complete on the disk; the next reading completes it");
            }
        }
        self.hold(ready, cause).await;
        Ok(())
    }
}

fn check(files: &ConfigFiles, running: &Revision, proposal: Proposal) -> Result<Checked, Refused> {
    let runs = &running.config.files;
    let after = (proposal.change.propose)(runs)?;
    let before = files.on_disk(runs);
    if before != *runs && !proposal.discard_edits {
        return Err(Refused::EditedByHand(changed(runs, &before)));
    }
    let config = files.load_proposed(&running.config, after.clone());
    let config = config.map_err(|diagnostics| Refused::Invalid {
        diagnostics,
        files: after.clone(),
    })?;
    Ok(Checked {
        changed: changed(runs, &after),
        config,
        before,
        after,
    })
}

/// The names of the files that are not the same in both.
pub(crate) fn changed(left: &FileTexts, right: &FileTexts) -> Vec<String> {
    let all: BTreeMap<&String, ()> = left.keys().chain(right.keys()).map(|name| (name, ())).collect();
    all.into_keys()
        .filter(|name| left.get(*name) != right.get(*name))
        .cloned()
        .collect()
}
