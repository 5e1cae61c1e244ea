//! What holds of what is kept, whatever database it rests in.

use std::collections::BTreeMap;
use std::sync::Arc;

use tempfile::TempDir;

use crate::contexts::ContextRecord;
use crate::revisions::RevisionRecord;
use crate::subscriptions::{MostSubscriptions, NotifiedRecord, SubscriptionKey, SubscriptionText};
use crate::{Added, State};

async fn opened(folder: &TempDir) -> State {
    State::open(&folder.path().join("state.db")).await.unwrap()
}

fn context(owner: &str, id: &str, created_at: i64) -> ContextRecord {
    ContextRecord {
        id: id.to_owned(),
        owner: owner.to_owned(),
        kind: "Hosted".to_owned(),
        public: false,
        created_at,
        document: format!("{{\"{id}\":\"佐野\"}}"),
    }
}

fn text(document: &str) -> SubscriptionText {
    SubscriptionText {
        document: document.to_owned(),
        proof: Some("key 00".to_owned()),
    }
}

const fn key(owner: &'static str, tenant: Option<&'static str>, id: &'static str) -> SubscriptionKey<'static> {
    SubscriptionKey { owner, tenant, id }
}

fn revision(id: &str, files: &[(&str, &str)]) -> RevisionRecord {
    let files = files.iter().map(|(name, text)| ((*name).to_owned(), Arc::from(*text)));
    RevisionRecord {
        revision: id.to_owned(),
        at: 5,
        cause: "apply".to_owned(),
        administrator: Some("hanako".to_owned()),
        files: files.collect(),
    }
}

#[tokio::test]
async fn contexts_belong_to_their_owner_alone() {
    let folder = tempfile::tempdir().unwrap();
    let state = opened(&folder).await;
    let contexts = state.contexts();
    let [later, earlier] = [context("one", "a", 2), context("one", "b", 1)];
    for context in [&later, &earlier] {
        assert_eq!(contexts.add_context(context, 9).await.unwrap(), Added::Done);
    }
    assert_eq!(contexts.context("one", "a").await.unwrap(), Some(later.clone()));
    assert_eq!(contexts.context("other", "a").await.unwrap(), None);
    let listed = contexts.contexts_of("one").await.unwrap();
    let without_text = |context: ContextRecord| ContextRecord {
        document: String::new(),
        ..context
    };
    assert_eq!(listed, [without_text(earlier), without_text(later)]);
    assert_eq!(contexts.public_context("a").await.unwrap(), None);
    let public = ContextRecord {
        public: true,
        ..context("one", "c", 3)
    };
    contexts.add_context(&public, 9).await.unwrap();
    assert_eq!(contexts.public_context("c").await.unwrap(), Some(public.clone()));
    assert_eq!(contexts.context("one", "c").await.unwrap(), Some(public));
    assert_eq!(contexts.context("other", "c").await.unwrap(), None);
    assert!(!contexts.remove_context("other", "c").await.unwrap());
    assert!(contexts.remove_context("one", "c").await.unwrap());
    assert_eq!(contexts.public_context("c").await.unwrap(), None);
    assert!(!contexts.remove_context("other", "a").await.unwrap());
    assert!(contexts.remove_context("one", "a").await.unwrap());
    assert!(!contexts.remove_context("one", "a").await.unwrap());
}

#[tokio::test]
async fn two_at_once_do_not_both_take_the_last_place() {
    let folder = tempfile::tempdir().unwrap();
    let state = opened(&folder).await;
    let mut adding = Vec::new();
    for number in 0..20 {
        let state = state.clone();
        adding.push(tokio::spawn(async move {
            let context = context("one", &format!("c{number}"), number);
            let most = MostSubscriptions { of_owner: 4, in_all: 9 };
            let id = format!("urn:s:{number}");
            let key = SubscriptionKey {
                owner: "one",
                tenant: None,
                id: &id,
            };
            (
                state.contexts().add_context(&context, 3).await.unwrap(),
                state
                    .subscriptions()
                    .add_subscription(key, None, &text("{}"), 1, most)
                    .await
                    .unwrap(),
            )
        }));
    }
    let mut done = (0, 0);
    for added in adding {
        let (context, subscription) = added.await.unwrap();
        done.0 += usize::from(context == Added::Done);
        done.1 += usize::from(subscription == Added::Done);
        assert!(context != Added::Exists && subscription != Added::Exists);
    }
    assert_eq!(done, (3, 4));
    assert_eq!(state.contexts().contexts_of("one").await.unwrap().len(), 3);
    let same = context("one", &state.contexts().contexts_of("one").await.unwrap()[0].id, 0);
    assert_eq!(state.contexts().add_context(&same, 3).await.unwrap(), Added::Exists);
    assert_eq!(
        state
            .contexts()
            .add_context(&context("other", "x", 0), 3)
            .await
            .unwrap(),
        Added::Done
    );
}

#[tokio::test]
async fn a_subscription_is_one_owners_to_one_tenant_or_the_federation() {
    let folder = tempfile::tempdir().unwrap();
    let state = opened(&folder).await;
    let subscriptions = state.subscriptions();
    let most = MostSubscriptions { of_owner: 9, in_all: 3 };
    let keys = [
        key("one", None, "s"),
        key("one", Some("sano"), "s"),
        key("other", None, "s"),
    ];
    let (written, other) = (text("a"), text("b"));
    for key in keys {
        let adding = subscriptions.add_subscription(key, Some("research"), &written, 7, most);
        assert_eq!(adding.await.unwrap(), Added::Done);
    }
    let again = subscriptions.add_subscription(keys[0], None, &other, 8, most);
    assert_eq!(again.await.unwrap(), Added::Exists);
    let beyond = subscriptions.add_subscription(key("one", None, "t"), None, &other, 8, most);
    assert_eq!(beyond.await.unwrap(), Added::Full);

    assert!(
        subscriptions
            .replace_subscription(keys[1], &text("c"), 9)
            .await
            .unwrap()
    );
    let notified = NotifiedRecord {
        times_sent: 2,
        last_success: Some("2026-01-01T00:00:00Z".to_owned()),
        is_ok: Some(true),
        ..NotifiedRecord::default()
    };
    subscriptions.set_notified(keys[1], &notified).await.unwrap();
    for unknown in [key("one", Some("yaita"), "s"), key("nobody", None, "s")] {
        assert!(
            !subscriptions
                .replace_subscription(unknown, &text("d"), 9)
                .await
                .unwrap()
        );
        subscriptions.set_notified(unknown, &notified).await.unwrap();
        assert!(!subscriptions.remove_subscription(unknown).await.unwrap());
    }
    for record in subscriptions.subscriptions().await.unwrap() {
        let is_changed = record.tenant.as_deref() == Some("sano");
        let expected = if is_changed { ("c", 9, 2) } else { ("a", 7, 0) };
        let found = (
            record.text.document.as_str(),
            record.modified_at,
            record.notified.times_sent,
        );
        assert_eq!(found, expected, "{}", record.owner);
        assert_eq!((record.created_at, record.purpose.as_deref()), (7, Some("research")));
    }
    assert!(subscriptions.remove_subscription(keys[0]).await.unwrap());
    assert_eq!(subscriptions.subscriptions().await.unwrap().len(), 2);
}

#[tokio::test]
async fn of_revisions_the_latest_are_remembered_with_their_texts() {
    let folder = tempfile::tempdir().unwrap();
    let state = opened(&folder).await;
    let revisions = state.revisions();
    let ids = |records: Vec<RevisionRecord>| -> Vec<String> { records.into_iter().map(|past| past.revision).collect() };
    let (first, second) = (
        revision("r1", &[("a", "shared"), ("b", "first")]),
        revision("r2", &[("a", "shared"), ("b", "second")]),
    );
    for past in [&first, &second, &second] {
        revisions.append_revision(past, 2).await.unwrap();
    }
    assert_eq!(revisions.revisions().await.unwrap(), [first.clone(), second]);
    // What ran before may run again.
    revisions.append_revision(&first, 2).await.unwrap();
    assert_eq!(ids(revisions.revisions().await.unwrap()), ["r2", "r1"]);
    let third = revision("r3", &[("a", "shared"), ("b", "third")]);
    revisions.append_revision(&third, 1).await.unwrap();
    state.close().await;
    let state = opened(&folder).await;
    let kept = state.revisions().revisions().await.unwrap();
    assert_eq!(kept, [third]);
    let shared: BTreeMap<_, _> = kept[0].files.clone();
    assert_eq!(&*shared["a"], "shared");
}
