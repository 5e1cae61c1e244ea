//! What takes part in a reload, and what an edit makes of the parts that stay.

use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use kakehashi_config::ConfigOverrides;
use kakehashi_revision::{Process, RunningRevision};
use kakehashi_runtime::Tasks;
use kakehashi_runtime::admission::{Admission, bounds};
use kakehashi_state::State;
use kakehashi_subscriptions::Subscriptions;
use kakehashi_telemetry::Metrics;
use kakehashi_tokens::Tokens;
use tempfile::TempDir;

use super::*;

const TENANTS: &str = "[tenants.sano]\n[[tenants.sano.sources]]\nid = \"orion\"\nadapter = \"ngsi-v2\"\n\
                       endpoint = \"http://127.0.0.1:9\"\nprovides = [{ type = \"AED\" }]\n\
                       [consumers.app]\norganisation = \"x\"\nroles = [\"reader\"]\n";

const POLICY: &str = "permit(principal in Role::\"reader\", action, resource in Tenant::\"sano\");\n";

/// A gateway that nobody asks, on files of its own.
async fn gateway() -> (TempDir, Arc<Reloader>) {
    let folder = tempfile::tempdir().unwrap();
    let policies = folder.path().join("policies");
    std::fs::create_dir(&policies).unwrap();
    let committed = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../../policies"));
    for name in ["schema.cedarschema", "classification.toml"] {
        std::fs::copy(committed.join(name), policies.join(name)).unwrap();
    }
    std::fs::write(policies.join("sano.cedar"), POLICY).unwrap();
    std::fs::write(folder.path().join("tenants.toml"), TENANTS).unwrap();
    let files = ConfigFiles::new(
        &folder.path().join("tenants.toml"),
        &policies,
        ConfigOverrides::default(),
    );
    let config = files.load().unwrap();
    let metrics = Metrics::new().unwrap();
    let tasks = Tasks::on(&tokio::runtime::Handle::current(), &metrics.tasks);
    let state = State::open(&config.gateway.state).await.unwrap();
    let subscriptions = Subscriptions::open(&config.gateway, &state, &tasks).await.unwrap();
    let history = History::open(&state).await.unwrap();
    let bounds = bounds(config.gateway.limits.memory.bytes());
    let revision = Revision::build(config, &state, &tasks).await.unwrap();
    let admission = Admission::start(bounds).unwrap();
    let tokens = Tokens::new(tasks.keys.clone()).unwrap();
    let process = Process {
        revision: RunningRevision::new(revision),
        admission: Arc::new(admission),
        limiters: Arc::default(),
        metrics: Arc::new(metrics),
    };
    let gateway = Gateway::new(&process, tokens, subscriptions, tasks, state);
    let reloader = Reloader::new(&Arc::new(gateway), files, history).await;
    (folder, reloader)
}

fn append(folder: &TempDir, name: &str, text: &str) {
    let path = folder.path().join(name);
    let before = std::fs::read_to_string(&path).unwrap();
    std::fs::write(path, before + text).unwrap();
}

/// Counts how often it was put in place, and refuses whenever there are two tenants.
#[derive(Default)]
struct Follower {
    put_in_place: Arc<AtomicUsize>,
}

impl FollowsReload for Follower {
    fn prepare(&self, revision: &Revision) -> Result<Box<dyn FnOnce() + Send>, Diagnostics> {
        if revision.config.tenants.len() > 1 {
            return Err(Diagnostics::error("one tenant is enough", None));
        }
        let count = Arc::clone(&self.put_in_place);
        Ok(Box::new(move || {
            count.fetch_add(1, Ordering::Relaxed);
        }))
    }
}

#[tokio::test]
async fn what_follows_a_reload_may_refuse_it_and_is_put_in_place_with_it() {
    let (folder, reloader) = gateway().await;
    let follower = Follower::default();
    let count = Arc::clone(&follower.put_in_place);
    reloader.join(Arc::new(follower));
    assert_eq!(reloader.reload(Cause::Signal).await, Outcome::Unchanged);
    assert_eq!(count.load(Ordering::Relaxed), 1, "its own files may have changed");

    append(&folder, "tenants.toml", "[tenants.yaita]\n");
    let before = reloader.running().config.revision.clone();
    assert_eq!(reloader.reload(Cause::Files).await, Outcome::Refused);
    assert_eq!(
        (
            reloader.running().config.revision.clone(),
            count.load(Ordering::Relaxed)
        ),
        (before, 1)
    );
    let refusal = reloader.refusal().unwrap();
    assert!(refusal.diagnostics.to_string().contains("one tenant is enough"));

    std::fs::write(folder.path().join("tenants.toml"), format!("{TENANTS}# a remark\n")).unwrap();
    assert_eq!(reloader.reload(Cause::Files).await, Outcome::Applied);
    assert_eq!(count.load(Ordering::Relaxed), 2);
    assert!(reloader.refusal().is_none());
}

#[tokio::test]
async fn an_adapter_stays_unless_its_source_changes() {
    let (folder, reloader) = gateway().await;
    let adapter = |reloader: &Reloader| Arc::clone(&reloader.running().registry.configured()[0].adapter);
    let first = adapter(&reloader);
    append(&folder, "policies/sano.cedar", "// a remark\n");
    assert_eq!(reloader.reload(Cause::Files).await, Outcome::Applied);
    assert!(Arc::ptr_eq(&first, &adapter(&reloader)));
    let slower = TENANTS.replace("provides", "timeout = \"4s\"\nprovides");
    std::fs::write(folder.path().join("tenants.toml"), slower).unwrap();
    assert_eq!(reloader.reload(Cause::Files).await, Outcome::Applied);
    assert!(!Arc::ptr_eq(&first, &adapter(&reloader)));
}

#[tokio::test]
async fn the_history_is_bounded_and_has_each_change_once() {
    let (folder, reloader) = gateway().await;
    for number in 0..60 {
        append(&folder, "policies/sano.cedar", &format!("// {number}\n"));
        assert_eq!(reloader.reload(Cause::Files).await, Outcome::Applied);
        assert_eq!(reloader.reload(Cause::Signal).await, Outcome::Unchanged);
    }
    let remembered = reloader.history().all();
    assert_eq!(remembered.len(), 50);
    // What another process finds is the same.
    let state = reloader.running().config.gateway.state.clone();
    let stored = History::open(&State::open(&state).await.unwrap()).await.unwrap().all();
    let ids = |past: &[Past]| past.iter().map(|past| past.revision.clone()).collect::<Vec<_>>();
    assert_eq!(ids(&remembered), ids(&stored));
    assert_eq!(remembered.last().unwrap().files, stored.last().unwrap().files);
}

/// A proposal of a tenant's administrator that adds a remark to the policies of Sano.
fn remark(text: &'static str, judge: Judge, judge_slowly: JudgeSlowly) -> Proposal {
    Proposal {
        base: None,
        change: Change {
            part: Box::new(Clone::clone),
            propose: Box::new(move |running| {
                let mut files = running.clone();
                let own = files["policies/sano.cedar"].to_string();
                files.insert("policies/sano.cedar".to_owned(), format!("{own}// {text}\n").into());
                Ok(files)
            }),
            judge: Some(judge),
            judge_slowly: Some(judge_slowly),
        },
        cause: Cause::Apply("sano-admin".into()),
        by_operator: false,
        dry_run: false,
        discard_edits: false,
    }
}

#[tokio::test]
async fn what_takes_long_to_judge_holds_up_nobody_and_is_judged_by_what_runs_then() {
    let (folder, reloader) = gateway().await;
    let (let_go, held) = tokio::sync::watch::channel(false);
    let (begun, mut has_begun) = tokio::sync::watch::channel(false);
    let judged: Arc<Mutex<Vec<String>>> = Arc::default();
    let seen = Arc::clone(&judged);
    let slow = remark(
        "slow",
        Box::new(move |before, _| {
            seen.lock()
                .unwrap()
                .push(before.files["policies/sano.cedar"].to_string());
            Ok(())
        }),
        Box::new(move |_, _| {
            let (mut held, begun) = (held.clone(), begun.clone());
            Box::pin(async move {
                begun.send(true).unwrap();
                held.wait_for(|is_let_go| *is_let_go).await.unwrap();
                Ok(())
            })
        }),
    );
    let others = async {
        has_begun.wait_for(|has_begun| *has_begun).await.unwrap();
        append(&folder, "policies/sano.cedar", "// by hand\n");
        assert_eq!(reloader.reload(Cause::Files).await, Outcome::Applied);
        let quick = remark(
            "quick",
            Box::new(|_, _| Ok(())),
            Box::new(|_, _| Box::pin(async { Ok(()) })),
        );
        reloader.apply(quick).await.unwrap();
        let_go.send(true).unwrap();
    };
    let (applied, ()) = futures::join!(reloader.apply(slow), others);
    applied.unwrap();
    let texts = judged.lock().unwrap().clone();
    let last = format!("{POLICY}// by hand\n// quick\n");
    assert_eq!(texts, [POLICY.to_owned(), last.clone()]);
    let runs = reloader.running().config.files["policies/sano.cedar"].to_string();
    assert_eq!(runs, format!("{last}// slow\n"));

    // Who is refused by what runs then has changed nothing.
    let refusing = remark(
        "refused",
        Box::new(|_, _| Err(Refused::Forbidden("no".to_owned()))),
        Box::new(|_, _| Box::pin(async { Ok(()) })),
    );
    assert!(matches!(reloader.apply(refusing).await, Err(Refused::Forbidden(_))));
    assert_eq!(reloader.running().config.files["policies/sano.cedar"].to_string(), runs);
}
