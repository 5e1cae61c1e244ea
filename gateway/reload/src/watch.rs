//! Noticing that a file was changed, however an editor or a volume of Kubernetes does it: folders are watched, not
//! files, because a file that is replaced by a rename is another file. And SIGHUP, for where nothing can be noticed.

use std::ffi::OsString;
use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use kakehashi_documents::files::FileTexts;
use kakehashi_runtime::{Spawner, TooMany};
use notify::event::{AccessKind, AccessMode, ModifyKind};
use notify::{Event, EventKind, RecommendedWatcher, RecursiveMode, Watcher};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;
use tokio::time::{Instant, timeout, timeout_at};

use super::{Cause, Reloader};

/// How long it must be quiet before the files are read: who saves several files at once has done so by then.
const QUIET: Duration = Duration::from_millis(60);

/// How long is waited for quiet at most.
const PATIENCE: Duration = Duration::from_millis(500);

/// Watches the files until the gateway is gone.
///
/// # Errors
/// [`TooMany`], which does not happen: what watches is not bounded.
pub fn watch(reloader: &Arc<Reloader>, watchers: &Spawner) -> Result<(), TooMany> {
    let (changes, hangups) = (Arc::downgrade(reloader), Arc::downgrade(reloader));
    watchers.keep_running(move || on_changes(Weak::clone(&changes)))?;
    watchers.keep_running(move || on_hangup(Weak::clone(&hangups)))?;
    Ok(())
}

async fn on_hangup(reloader: Weak<Reloader>) {
    let mut hangups = match signal(SignalKind::hangup()) {
        Ok(hangups) => hangups,
        Err(error) => {
            tracing::warn!(%error, "SIGHUP cannot be waited for");
            return;
        }
    };
    while hangups.recv().await.is_some() {
        let Some(reloader) = reloader.upgrade() else {
            return;
        };
        reloader.reload(Cause::Signal).await;
    }
}

async fn on_changes(reloader: Weak<Reloader>) {
    // One place: that something has changed need be known once.
    let (sender, mut changes) = mpsc::channel(1);
    let Some(mut seen) = reloader
        .upgrade()
        .map(|reloader| reloader.running().config.files.clone())
    else {
        return;
    };
    let mut _watcher = None;
    loop {
        let Some(watching) = reloader.upgrade() else {
            return;
        };
        // The folders may be others after each reading, or the same name may lead to another folder. The earlier
        // watcher goes only when this one watches.
        let Some(watcher) = start(&watching, sender.clone()) else {
            return;
        };
        _watcher = Some(watcher);
        // What was changed before it watched.
        let mut now = on_disk(&watching).await;
        drop(watching);
        if now == seen {
            if changes.recv().await.is_none() {
                return;
            }
            until_quiet(&mut changes).await;
        }
        let Some(reloader) = reloader.upgrade() else {
            return;
        };
        if now == seen {
            now = on_disk(&reloader).await;
        }
        seen = now;
        reloader.reload(Cause::Files).await;
    }
}

async fn on_disk(reloader: &Arc<Reloader>) -> FileTexts {
    let reloader = Arc::clone(reloader);
    let read = tokio::task::spawn_blocking(move || reloader.files().on_disk(&reloader.running().config.files));
    // Nothing is taken for a change, which is read then.
    read.await.unwrap_or_default()
}

async fn until_quiet(changes: &mut mpsc::Receiver<()>) {
    let end = Instant::now() + PATIENCE;
    while let Ok(Ok(Some(()))) = timeout_at(end, timeout(QUIET, changes.recv())).await {}
}

fn start(reloader: &Arc<Reloader>, changes: mpsc::Sender<()>) -> Option<RecommendedWatcher> {
    let running = reloader.running();
    let names = running
        .config
        .files
        .keys()
        .filter_map(|name| Path::new(name).file_name());
    let known: Vec<OsString> = names.map(ToOwned::to_owned).collect();
    let tell = move |event: notify::Result<Event>| {
        let matters = match &event {
            Ok(event) => event.need_rescan() || may_matter(event, &known),
            Err(_) => true,
        };
        if matters {
            // Full: it is known already.
            let _ = changes.try_send(());
        }
    };
    let mut watcher = match notify::recommended_watcher(tell) {
        Ok(watcher) => watcher,
        Err(error) => {
            tracing::warn!(%error, "changes of files cannot be noticed; send SIGHUP after an edit");
            return None;
        }
    };
    for folder in reloader.files().folders(&running.config) {
        if let Err(error) = watcher.watch(&folder, RecursiveMode::NonRecursive)
            && folder.exists()
        {
            tracing::warn!(%error, folder = %folder.display(), "changes in a folder cannot be noticed; send SIGHUP");
        }
    }
    Some(watcher)
}

/// Whether something has happened to a file of a revision, or to a folder or a link on the way to one. Beside them may
/// lie what changes all the time: databases, and the gateway's own log, where a line about a change that is none would
/// be the next change.
fn may_matter(event: &Event, known: &[OsString]) -> bool {
    let is_change = !matches!(event.kind, EventKind::Access(access) if access != AccessKind::Close(AccessMode::Write));
    let is_other_now = matches!(
        event.kind,
        EventKind::Create(_) | EventKind::Remove(_) | EventKind::Modify(ModifyKind::Name(_))
    );
    event.paths.iter().any(|path| {
        let Some(name) = path.file_name() else {
            return is_other_now;
        };
        let text = name.to_string_lossy();
        let end = path.extension().map(|end| end.to_string_lossy());
        let is_file = matches!(end.as_deref(), Some("toml" | "cedar" | "cedarschema")) && !text.starts_with('.');
        if is_file || known.iter().any(|known| known == name) {
            return is_change;
        }
        // `..data` is the link by which Kubernetes swaps the files of a volume.
        is_other_now && (end.is_none() || text.starts_with(".."))
    })
}

#[cfg(test)]
mod tests {
    use notify::event::{CreateKind, DataChange, RenameMode};

    use super::*;

    #[test]
    fn files_of_a_revision_and_links_to_them_matter_and_what_lies_beside_them_does_not() {
        let known = [OsString::from("site.mapping")];
        let happens = |kind, name: &str| {
            let event = Event::new(kind).add_path(Path::new("/etc/kakehashi").join(name));
            may_matter(&event, &known)
        };
        let written = EventKind::Modify(ModifyKind::Data(DataChange::Any));
        let renamed = EventKind::Modify(ModifyKind::Name(RenameMode::To));
        for name in ["tenants.toml", "sano.cedar", "schema.cedarschema", "site.mapping"] {
            assert!(happens(written, name) && happens(renamed, name), "{name}");
            assert!(!happens(EventKind::Access(AccessKind::Read), name), "{name}");
        }
        for name in ["..data", "policies"] {
            assert!(
                happens(renamed, name) && happens(EventKind::Create(CreateKind::Any), name),
                "{name}"
            );
            assert!(!happens(written, name), "{name}");
        }
        for name in [
            "kakehashi.db",
            "kakehashi.db-wal",
            "gateway.log",
            ".sano.cedar.swp",
            ".x.cedar",
            "sano.cedar~",
        ] {
            assert!(!happens(written, name) && !happens(renamed, name), "{name}");
        }
    }
}
