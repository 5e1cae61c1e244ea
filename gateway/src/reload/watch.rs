//! Noticing that a file was changed, however an editor or a volume of Kubernetes does it: folders are watched, not
//! files, because a file that is replaced by a rename is another file. And SIGHUP, for where nothing can be noticed.

use std::path::Path;
use std::sync::{Arc, Weak};
use std::time::Duration;

use notify::event::{AccessKind, AccessMode};
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
pub(crate) fn watch(reloader: &Arc<Reloader>) {
    tokio::spawn(on_changes(Arc::downgrade(reloader)));
    tokio::spawn(on_hangup(Arc::downgrade(reloader)));
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
    loop {
        let Some(watching) = reloader.upgrade() else {
            return;
        };
        // The folders may be others after each reading, or the same name may lead to another folder.
        let watcher = start(&watching, sender.clone());
        drop(watching);
        if watcher.is_none() || changes.recv().await.is_none() {
            return;
        }
        until_quiet(&mut changes).await;
        let Some(reloader) = reloader.upgrade() else {
            return;
        };
        // A change from here on is noticed by the watcher that still watches.
        reloader.reload(Cause::Files).await;
    }
}

async fn until_quiet(changes: &mut mpsc::Receiver<()>) {
    let end = Instant::now() + PATIENCE;
    while let Ok(Ok(Some(()))) = timeout_at(end, timeout(QUIET, changes.recv())).await {}
}

fn start(reloader: &Arc<Reloader>, changes: mpsc::Sender<()>) -> Option<RecommendedWatcher> {
    let tell = move |event: notify::Result<Event>| {
        let matters = match &event {
            Ok(event) => event.need_rescan() || (is_change(&event.kind) && event.paths.iter().any(|path| may_matter(path))),
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
    for folder in reloader.files().folders(&reloader.running().config) {
        if let Err(error) = watcher.watch(&folder, RecursiveMode::NonRecursive)
            && folder.exists()
        {
            tracing::warn!(%error, folder = %folder.display(), "changes in a folder cannot be noticed; send SIGHUP");
        }
    }
    Some(watcher)
}

/// Reading is no change, and the gateway itself reads.
fn is_change(kind: &EventKind) -> bool {
    !matches!(kind, EventKind::Access(access) if *access != AccessKind::Close(AccessMode::Write))
}

/// Whether it may be a file of a revision, or a folder or a link on the way to one. Databases that rest beside
/// tenants.toml change with every request.
fn may_matter(path: &Path) -> bool {
    let name = path.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    // `..data` is the link by which Kubernetes swaps the files of a volume.
    if name.starts_with("..") {
        return true;
    }
    let is_hidden = name.starts_with('.');
    !is_hidden
        && path.extension().is_none_or(|end| {
            let end = end.to_string_lossy();
            !end.starts_with("db") && end != "log" && end != "swp"
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn databases_and_unfinished_files_do_not_matter_and_links_of_volumes_do() {
        for name in ["tenants.toml", "policies", "sano.cedar", "..data", "mapping.txt"] {
            assert!(may_matter(&Path::new("/etc/kakehashi").join(name)), "{name}");
        }
        for name in ["kakehashi.db", "kakehashi.db-wal", ".sano.cedar.swp", ".tenants.toml.kakehashi-new"] {
            assert!(!may_matter(&Path::new("/etc/kakehashi").join(name)), "{name}");
        }
    }
}
