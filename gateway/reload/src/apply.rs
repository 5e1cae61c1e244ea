//! Applying what an administrator proposes: checked and built as an edit of the files would be, against the revision
//! that the administrator has seen, then written to the files, then held. Nothing of it happens by halves.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures::future::BoxFuture;
use kakehashi_config::Config;
use kakehashi_core::diagnostics::Diagnostics;
use kakehashi_documents::files::{FileTexts, RevisionId};
use kakehashi_documents::journal::Failed as ApplyFailed;
use kakehashi_revision::Revision;
use tokio::sync::OwnedSemaphorePermit;

use super::history::Past;
use super::{Cause, ConfigFiles, Reloader};

/// What an administrator proposes.
pub struct Proposal {
    /// The revision that was seen when it was made; `None`: whichever runs.
    pub base: Option<RevisionId>,
    /// What is proposed.
    pub change: Change,
    /// Who proposes it, and how.
    pub cause: Cause,
    /// An operator proposes it: what it names may be read, whether it is applied or not.
    pub by_operator: bool,
    /// Only to be checked.
    pub dry_run: bool,
    /// Edits of the files that do not hold, because they were refused, may be overwritten.
    pub discard_edits: bool,
}

/// From the files that run to those that are proposed; an error says why that cannot be. It is asked again when another
/// revision has come to run meanwhile.
pub type Propose = Box<dyn Fn(&FileTexts) -> Result<FileTexts, Refused> + Send + Sync>;

/// Whether who proposes a revision may have it, in the place of the one that runs; an error says why not. It is asked of
/// what is well in itself.
pub type Judge = Box<dyn Fn(&Config, &Config) -> Result<(), Refused> + Send + Sync>;

/// The same for what takes time to find out. It is asked once, while nobody waits for it.
pub type JudgeSlowly = Box<dyn for<'a> Fn(&'a Config, &'a Config) -> BoxFuture<'a, Result<(), Refused>> + Send + Sync>;

/// A change of the files of a revision: from those that run to those that are proposed.
pub struct Change {
    /// The part of a revision that is changed. A revision that was replaced meanwhile is no conflict if this part of it
    /// is the same.
    pub part: Box<dyn Fn(&FileTexts) -> FileTexts + Send + Sync>,
    /// From the files that run to those that are proposed; an error says why that cannot be.
    pub propose: Propose,
    /// Whether it may be; `None`: whatever is well may.
    pub judge: Option<Judge>,
    /// The same for what takes time to find out.
    pub judge_slowly: Option<JudgeSlowly>,
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

impl Checked {
    fn applied(&self) -> Applied {
        Applied {
            revision: self.config.revision.clone(),
            changed: self.changed.clone(),
            warnings: self.config.warnings.clone(),
            files: self.after.clone(),
        }
    }
}

impl Reloader {
    /// Applies a proposal, or only checks it.
    ///
    /// It is read and judged before it has its turn: whoever else changes something, and every edit of the files, waits for
    /// the turn alone.
    ///
    /// # Errors
    /// [`Refused`]; then nothing has changed.
    pub async fn apply(&self, proposal: Proposal) -> Result<Applied, Refused> {
        let (dry_run, cause) = (proposal.dry_run, proposal.cause.clone());
        let applied = self.apply_or_check(Arc::new(proposal)).await;
        if let Err(Refused::Invalid { diagnostics, .. }) = &applied
            && !dry_run
        {
            self.refuse(cause, diagnostics.clone());
        }
        applied
    }

    async fn apply_or_check(&self, proposal: Arc<Proposal>) -> Result<Applied, Refused> {
        let running = self.gateway.revision();
        let place = match proposal.by_operator {
            true => None,
            false => Some(self.reading_place().await.ok_or(Refused::Internal)?),
        };
        let mut checked = self.check(&proposal, &running, place).await?;
        if let Some(judge) = &proposal.change.judge_slowly {
            judge(&running.config, &checked.config).await?;
        }
        if proposal.dry_run {
            return Ok(checked.applied());
        }
        let _turn = self.turn.lock().await;
        let now = self.gateway.revision();
        if Arc::ptr_eq(&now, &running) {
            checked.before = self.not_edited(&proposal, &now).await?;
        } else {
            // Somebody was faster. Nothing overtakes it a second time.
            checked = self.check(&proposal, &now, None).await?;
        }
        let applied = checked.applied();
        self.carry_out(checked, proposal.cause.clone()).await?;
        Ok(applied)
    }

    /// A place among those who read proposals and are no operators.
    pub async fn reading_place(&self) -> Option<OwnedSemaphorePermit> {
        Arc::clone(&self.reading_proposals).acquire_owned().await.ok()
    }

    /// Reads a proposal and judges it, as far as that takes no time.
    async fn check(
        &self,
        proposal: &Arc<Proposal>,
        running: &Arc<Revision>,
        place: Option<OwnedSemaphorePermit>,
    ) -> Result<Checked, Refused> {
        self.check_base(proposal, running)?;
        let (files, runs, proposal) = (self.files.clone(), Arc::clone(running), Arc::clone(proposal));
        let checked = tokio::task::spawn_blocking(move || {
            let _place = place;
            check(&files, &runs, &proposal)
        });
        checked.await.map_err(|_| Refused::Internal)?
    }

    /// What the disk holds, unless somebody has edited it and that is to stay.
    async fn not_edited(&self, proposal: &Arc<Proposal>, running: &Arc<Revision>) -> Result<FileTexts, Refused> {
        let (files, runs, proposal) = (self.files.clone(), Arc::clone(running), Arc::clone(proposal));
        let read = tokio::task::spawn_blocking(move || on_disk(&files, &runs, &proposal));
        read.await.map_err(|_| Refused::Internal)?
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
        let prepared = Box::pin(self.prepare(config)).await;
        let ready = prepared.map_err(|diagnostics| Refused::Invalid {
            diagnostics,
            files: after.clone(),
        })?;
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

/// What the disk holds, unless somebody has edited it and that is to stay.
fn on_disk(files: &ConfigFiles, running: &Revision, proposal: &Proposal) -> Result<FileTexts, Refused> {
    let runs = &running.config.files;
    let before = files.on_disk(runs);
    if before != *runs && !proposal.discard_edits {
        return Err(Refused::EditedByHand(changed(runs, &before)));
    }
    Ok(before)
}

fn check(files: &ConfigFiles, running: &Revision, proposal: &Proposal) -> Result<Checked, Refused> {
    let runs = &running.config.files;
    let after = (proposal.change.propose)(runs)?;
    let before = on_disk(files, running, proposal)?;
    let may_apply = proposal.by_operator || !proposal.dry_run;
    let config = files.load_proposed(&running.config, after.clone(), may_apply);
    let config = config.map_err(|diagnostics| Refused::Invalid {
        diagnostics,
        files: after.clone(),
    })?;
    if let Some(judge) = &proposal.change.judge {
        judge(&running.config, &config)?;
    }
    Ok(Checked {
        changed: changed(runs, &after),
        config,
        before,
        after,
    })
}

/// The names of the files that are not the same in both.
pub fn changed(left: &FileTexts, right: &FileTexts) -> Vec<String> {
    let all: BTreeMap<&String, ()> = left.keys().chain(right.keys()).map(|name| (name, ())).collect();
    all.into_keys()
        .filter(|name| left.get(*name) != right.get(*name))
        .cloned()
        .collect()
}
