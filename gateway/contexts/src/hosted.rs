//! The contexts that consumers have stored here, and those that were made for them (clause 5.13.1: kinds Hosted and
//! ImplicitlyCreated), in the database of `[gateway] state`, so that they outlive the process. Each belongs to one
//! consumer; for the others it does not exist, unless its owner lets everybody read it.

use std::sync::Arc;

use dashmap::DashMap;
use jiff::Timestamp;
use kakehashi_core::names::ConsumerId;
use kakehashi_state::contexts::ContextRecord;
use kakehashi_state::{self as state, State};
use sha2::{Digest, Sha256};

use super::usage::Usage;
pub use kakehashi_state::StateError;

/// Most contexts of one consumer. An application needs a few.
pub const MOST_OF_ONE_CONSUMER: i64 = 200;

/// The kinds of context that are served (clause 5.13.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HostedKind {
    /// Added by a consumer.
    Hosted,
    /// Made by the gateway for a consumer.
    ImplicitlyCreated,
}

impl HostedKind {
    /// As it is written in requests and answers.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hosted => "Hosted",
            Self::ImplicitlyCreated => "ImplicitlyCreated",
        }
    }
}

/// A stored context.
#[derive(Debug, Clone)]
pub(crate) struct HostedContext {
    pub id: String,
    pub kind: HostedKind,
    /// Whether everybody may read it.
    pub public: bool,
    pub created_at: Timestamp,
    /// An object with the member `@context` alone; empty in lists.
    pub document: Arc<str>,
}

/// What became of adding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Added {
    /// It has this identifier.
    Id(String),
    /// The consumer has as many as it may.
    Full,
}

/// All stored contexts. They are read when they are needed, which is rare: what is compiled is kept.
#[derive(Debug)]
pub(crate) struct HostedContexts {
    state: State,
    usages: DashMap<String, Arc<Usage>>,
}

impl HostedContexts {
    /// Those in this state.
    pub(crate) fn new(state: &State) -> Self {
        Self {
            state: state.clone(),
            usages: DashMap::new(),
        }
    }

    /// Stores a context under a new identifier that nobody can guess: who knows it has been told, and may read the context if
    /// it is `public`.
    ///
    /// # Errors
    /// [`StateError`]
    pub(crate) async fn add(&self, owner: &ConsumerId, document: &str, public: bool) -> Result<Added, StateError> {
        let id = format!("{:032x}", rand::random::<u128>());
        self.insert(id, owner, HostedKind::Hosted, document, public).await
    }

    /// Stores a context that a request has spelled out. The same one of the same consumer keeps its identifier.
    ///
    /// # Errors
    /// [`StateError`]
    pub(crate) async fn publish(&self, owner: &ConsumerId, document: &str) -> Result<Added, StateError> {
        let hash = Sha256::new()
            .chain_update(owner.as_str().as_bytes())
            .chain_update([0])
            .chain_update(document.as_bytes())
            .finalize();
        let hash: [u8; 32] = hash.into();
        let id = hex::encode(hash.get(..16).unwrap_or_default());
        if self.get(owner, &id).await?.is_some() {
            return Ok(Added::Id(id));
        }
        // Who knows its owner and its text can tell its identifier.
        let public = false;
        self.insert(id, owner, HostedKind::ImplicitlyCreated, document, public)
            .await
    }

    async fn insert(
        &self,
        id: String,
        owner: &ConsumerId,
        kind: HostedKind,
        document: &str,
        public: bool,
    ) -> Result<Added, StateError> {
        let context = ContextRecord {
            id,
            owner: owner.as_str().to_owned(),
            kind: kind.as_str().to_owned(),
            public,
            created_at: Timestamp::now().as_millisecond(),
            document: document.to_owned(),
        };
        let added = self
            .state
            .contexts()
            .add_context(&context, MOST_OF_ONE_CONSUMER)
            .await?;
        Ok(match added {
            state::Added::Done | state::Added::Exists => Added::Id(context.id),
            state::Added::Full => Added::Full,
        })
    }

    /// A context of this consumer.
    ///
    /// # Errors
    /// [`StateError`]
    pub(crate) async fn get(&self, owner: &ConsumerId, id: &str) -> Result<Option<HostedContext>, StateError> {
        let found = self.state.contexts().context(owner.as_str(), id).await?;
        Ok(found.map(read))
    }

    /// A context that everybody may read.
    ///
    /// # Errors
    /// [`StateError`]
    pub(crate) async fn public(&self, id: &str) -> Result<Option<HostedContext>, StateError> {
        Ok(self.state.contexts().public_context(id).await?.map(read))
    }

    /// The contexts of this consumer, without their documents, the oldest first.
    ///
    /// # Errors
    /// [`StateError`]
    pub(crate) async fn list(&self, owner: &ConsumerId) -> Result<Vec<HostedContext>, StateError> {
        let found = self.state.contexts().contexts_of(owner.as_str()).await?;
        let mut all: Vec<HostedContext> = found.into_iter().map(read).collect();
        all.sort_by(|left, right| (left.created_at, &left.id).cmp(&(right.created_at, &right.id)));
        Ok(all)
    }

    /// Removes a context of this consumer; `false` when there is none.
    ///
    /// # Errors
    /// [`StateError`]
    pub(crate) async fn delete(&self, owner: &ConsumerId, id: &str) -> Result<bool, StateError> {
        let found = self.state.contexts().remove_context(owner.as_str(), id).await?;
        if found {
            self.usages.remove(id);
        }
        Ok(found)
    }

    /// How often a context that exists was used.
    pub(crate) fn usage(&self, id: &str) -> Arc<Usage> {
        Arc::clone(&self.usages.entry(id.to_owned()).or_default())
    }
}

fn read(record: ContextRecord) -> HostedContext {
    HostedContext {
        id: record.id,
        kind: if record.kind == HostedKind::ImplicitlyCreated.as_str() {
            HostedKind::ImplicitlyCreated
        } else {
            HostedKind::Hosted
        },
        public: record.public,
        created_at: Timestamp::from_millisecond(record.created_at).unwrap_or(Timestamp::UNIX_EPOCH),
        document: record.document.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCUMENT: &str = r#"{"@context":{"name":"https://example.org/name"}}"#;

    async fn opened(file: &std::path::Path) -> HostedContexts {
        HostedContexts::new(&State::open(file).await.unwrap())
    }

    fn consumer(id: &str) -> ConsumerId {
        ConsumerId::new(id)
    }

    fn id(added: Added) -> String {
        match added {
            Added::Id(id) => id,
            Added::Full => panic!("full"),
        }
    }

    #[tokio::test]
    async fn they_outlive_the_process_and_belong_to_one_consumer() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.db");
        let (owner, other) = (consumer("one"), consumer("other"));
        let contexts = opened(&file).await;
        let added = id(contexts.add(&owner, DOCUMENT, false).await.unwrap());
        contexts.state.close().await;

        let contexts = opened(&file).await;
        let found = contexts.get(&owner, &added).await.unwrap().unwrap();
        assert_eq!((&*found.document, found.kind), (DOCUMENT, HostedKind::Hosted));
        assert!(contexts.get(&other, &added).await.unwrap().is_none());
        assert!(contexts.list(&other).await.unwrap().is_empty());
        assert!(!contexts.delete(&other, &added).await.unwrap());
        assert_eq!(contexts.list(&owner).await.unwrap().len(), 1);
        assert!(contexts.delete(&owner, &added).await.unwrap());
        assert!(!contexts.delete(&owner, &added).await.unwrap());
    }

    #[tokio::test]
    async fn what_is_public_is_read_by_everybody_and_deleted_by_its_owner() {
        let folder = tempfile::tempdir().unwrap();
        let contexts = opened(&folder.path().join("state.db")).await;
        let (owner, other) = (consumer("one"), consumer("other"));
        let public = id(contexts.add(&owner, DOCUMENT, true).await.unwrap());
        let own = id(contexts.add(&owner, DOCUMENT, false).await.unwrap());
        let implicit = id(contexts.publish(&owner, DOCUMENT).await.unwrap());
        assert_eq!(&*contexts.public(&public).await.unwrap().unwrap().document, DOCUMENT);
        for none in [&*own, &*implicit, "", "%", "unknown"] {
            assert!(contexts.public(none).await.unwrap().is_none(), "{none}");
        }
        assert!(
            contexts.get(&other, &public).await.unwrap().is_none(),
            "it is not the other's"
        );
        assert!(!contexts.delete(&other, &public).await.unwrap());
        assert!(contexts.delete(&owner, &public).await.unwrap());
        assert!(contexts.public(&public).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn what_is_created_implicitly_is_created_once_for_each_consumer() {
        let folder = tempfile::tempdir().unwrap();
        let contexts = opened(&folder.path().join("state.db")).await;
        let (owner, other) = (consumer("one"), consumer("other"));
        let first = id(contexts.publish(&owner, DOCUMENT).await.unwrap());
        assert_eq!(id(contexts.publish(&owner, DOCUMENT).await.unwrap()), first);
        assert_ne!(id(contexts.publish(&other, DOCUMENT).await.unwrap()), first);
        let kind = contexts.get(&owner, &first).await.unwrap().unwrap().kind;
        assert_eq!(kind, HostedKind::ImplicitlyCreated);
    }

    #[tokio::test]
    async fn one_consumer_cannot_fill_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let contexts = opened(&folder.path().join("state.db")).await;
        let owner = consumer("one");
        for _ in 0..MOST_OF_ONE_CONSUMER {
            id(contexts.add(&owner, DOCUMENT, false).await.unwrap());
        }
        assert_eq!(contexts.add(&owner, DOCUMENT, false).await.unwrap(), Added::Full);
        assert!(matches!(
            contexts.add(&consumer("other"), DOCUMENT, false).await,
            Ok(Added::Id(_))
        ));
    }
}
