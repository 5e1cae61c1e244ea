//! One entity map: whose it is, what was asked, which ids are left of what was found, and until when.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use kakehashi_adapters::SourceId;
use kakehashi_core::ClientNetwork;
use kakehashi_core::consumer::Consumer;
use kakehashi_core::names::{ConsumerId, TenantId};
use ngsi_ld::EntityId;
use ngsi_ld::entity::DateTime;
use ngsi_ld::query::Query;
use ring::rand::{SecureRandom, SystemRandom};

use super::super::known_list::ListId;
use super::entries::Entries;
use crate::warning::Missing;
use crate::{Question, Warning};

/// How long a map is believed to say how many entities there are, without looking again: as long as a list is known.
const COUNTED_FOR: Duration = Duration::from_secs(60);

/// Bytes that a map takes beside its ids and its question: so many maps of nothing are bounded, too.
const BESIDE: usize = 2 * 1024;

/// Bytes of an id that nobody can guess.
const RANDOM: usize = 16;

/// What every id begins with.
const PREFIX: &str = "urn:ngsi-ld:EntityMap:";

/// The id of a map.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct MapId(Arc<str>);

impl MapId {
    /// One that nobody can guess; `None`: the system gives no random numbers.
    pub(super) fn random() -> Option<Self> {
        let mut bytes = [0; RANDOM];
        SystemRandom::new().fill(&mut bytes).ok()?;
        let number = u128::from_le_bytes(bytes);
        Some(Self(format!("{PREFIX}{number:032x}").into()))
    }

    /// The id that a text is; any text is one, and most are nobody's.
    #[must_use]
    pub fn new(text: &str) -> Self {
        Self(text.into())
    }

    /// The id of what a cursor names.
    #[must_use]
    pub fn of_cursor(cursor: &str) -> Option<(Self, usize)> {
        let (name, position) = cursor.split_once('.')?;
        // What no map of ours is called makes no new one in its place.
        let is_name = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        if name.len() != 2 * RANDOM || !name.bytes().all(is_name) {
            return None;
        }
        let is_plain = !position.is_empty() && position.bytes().all(|byte| byte.is_ascii_digit());
        let position = position.parse().ok().filter(|_| is_plain)?;
        Some((Self(format!("{PREFIX}{name}").into()), position))
    }

    /// The cursor that leads to a position.
    #[must_use]
    pub fn cursor(&self, position: usize) -> String {
        let name = self.0.strip_prefix(PREFIX).unwrap_or(&self.0);
        format!("{name}.{position}")
    }

    /// The id, a URN.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Whom a map belongs to. For everybody else there is none of its id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Owner {
    /// The consumer.
    pub consumer: ConsumerId,
    /// What it asked for.
    pub purpose: Option<Arc<str>>,
    /// The tenant that it asked about.
    pub tenant: Option<TenantId>,
    /// Of the anonymous: the address that asked. Of others 0, from wherever they ask.
    pub address: ClientNetwork,
}

impl Owner {
    /// Of what a consumer makes.
    #[must_use]
    pub fn of(consumer: &Consumer, tenant: Option<&TenantId>, address: ClientNetwork) -> Self {
        Self {
            consumer: consumer.id.clone(),
            purpose: consumer.purpose.clone(),
            tenant: tenant.cloned(),
            address: if consumer.is_anonymous() { address } else { 0 },
        }
    }

    /// Whether both are counted together.
    pub(super) fn shares_bounds_with(&self, other: &Self) -> bool {
        self.consumer == other.consumer && self.address == other.address
    }
}

/// A map.
#[derive(Debug)]
pub struct EntityMap {
    /// Its id.
    pub id: MapId,
    pub(super) owner: Owner,
    /// What was asked, without the ids, which may be others each time.
    pub(super) question: Arc<Question>,
    asked: ListId,
    pub(super) bytes: usize,
    /// The sources whose entities it lacks: they were not heard when it was made.
    lacks: Vec<Warning>,
    state: Mutex<State>,
}

/// What changes of it.
#[derive(Debug)]
pub(super) struct State {
    pub(super) entries: Entries,
    /// In microseconds since 1970.
    expires_at: i64,
    /// By which rules its entities were found, and when.
    rules: ListId,
    found_at: Instant,
}

impl EntityMap {
    pub(super) fn new(
        id: MapId,
        owner: Owner,
        question: &Question,
        entries: Entries,
        rules: ListId,
        expires_at: i64,
    ) -> Self {
        let question = without_ids(question);
        Self {
            id,
            owner,
            asked: ListId::of_question(&question),
            bytes: entries.bytes() + format!("{question:?}").len() + BESIDE,
            question: Arc::new(question),
            lacks: Vec::new(),
            state: Mutex::new(State {
                entries,
                expires_at,
                rules,
                found_at: Instant::now(),
            }),
        }
    }

    /// The same, where sources were not heard when it was made.
    pub(super) fn lacking(self, warnings: &[Warning]) -> Self {
        let failed = warnings.iter().filter(|one| matches!(one.missing, Missing::Part(_)));
        Self {
            lacks: failed.cloned().collect(),
            ..self
        }
    }

    /// The sources whose entities it lacks: they were not heard when it was made.
    #[must_use]
    pub fn lacks(&self) -> &[Warning] {
        &self.lacks
    }

    /// Bytes that it takes, about, in memory or as it is written.
    #[must_use]
    pub fn weight(&self) -> usize {
        self.bytes
    }

    /// Whether it was made for the same question; ids, and which page is wanted, may differ (clause 5.5.14).
    //= 5.5.14-5
    #[must_use]
    pub fn is_of(&self, question: &Question) -> bool {
        self.asked == ListId::of_question(&without_ids(question))
    }

    /// Whether it was made for the same question as far as a retrieval can ask it: what a retrieval has no words for is not compared.
    //= 5.5.14-5
    #[must_use]
    pub fn is_of_retrieval(&self, question: &Question) -> bool {
        ListId::of_question(&as_a_retrieval(&self.question)) == ListId::of_question(&as_a_retrieval(question))
    }

    /// Whether it was made for the conditions of a purge, of whichever ids; what is shown, and in which order, may differ.
    #[must_use]
    pub fn is_of_purge(&self, question: &Question) -> bool {
        ListId::of_question(&conditions_of(&self.question)) == ListId::of_question(&conditions_of(question))
    }

    /// The ids that are left.
    #[must_use]
    pub fn ids(&self) -> HashSet<EntityId> {
        let state = self.state();
        state.entries.texts().map(EntityId::new_unchecked).collect()
    }

    /// The sources that have an entity, as they were found; `None`: it is not in the map.
    //= 5.5.14-4
    #[must_use]
    pub fn holders_of(&self, id: &EntityId) -> Option<Arc<[SourceId]>> {
        let state = self.state();
        let entry = state.entries.from(0, 1, std::slice::from_ref(id)).pop()?;
        Some(state.entries.set(entry.holders).into())
    }

    /// The question that it was made for.
    #[must_use]
    pub fn question(&self) -> &Arc<Question> {
        &self.question
    }

    /// When it ceases to be.
    #[must_use]
    pub fn expires_at(&self) -> Option<DateTime> {
        DateTime::from_unix_micros(self.state().expires_at).ok()
    }

    /// How many entities are left.
    #[must_use]
    pub fn left(&self) -> usize {
        self.state().entries.left()
    }

    /// The ids that are left, as a member `entityMap` of clause 5.2.39: each is held locally, since nothing else is told of who
    /// holds what.
    //= 5.2.39-3
    #[must_use]
    pub fn members(&self) -> String {
        let state = self.state();
        let mut members = String::from("{");
        for text in state.entries.texts() {
            if members.len() > 1 {
                members.push(',');
            }
            // A URI holds nothing that JSON escapes; where a source's does, it is escaped.
            members.push_str(&serde_json::Value::from(text).to_string());
            members.push_str(":[\"@none\"]");
        }
        members.push('}');
        members
    }

    /// Whether it was found by these rules.
    pub(super) fn holds_by(&self, rules: ListId) -> bool {
        self.state().rules == rules
    }

    /// Whether it was found by these rules and so lately that it counts.
    pub(super) fn counts_by(&self, rules: ListId) -> bool {
        let state = self.state();
        state.rules == rules && state.found_at.elapsed() < COUNTED_FOR
    }

    /// Leaves what was found again. `unheard`: the sources that have not been heard. `rules`: by which rules, where all were.
    pub(super) fn renew(&self, ids: &HashSet<EntityId>, unheard: &HashSet<SourceId>, rules: Option<ListId>) {
        let mut state = self.state();
        state.entries.keep_only(ids, unheard);
        if let Some(rules) = rules {
            state.rules = rules;
            state.found_at = Instant::now();
        }
    }

    pub(super) fn is_over(&self, now: i64) -> bool {
        self.state().expires_at <= now
    }

    pub(super) fn expire_at(&self, micros: i64) {
        self.state().expires_at = micros;
    }

    pub(super) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The conditions of a question about whichever ids, whatever it shows of what meets them.
fn conditions_of(question: &Question) -> Question {
    Question {
        shown: None,
        datasets: None,
        leaving: None,
        order: None,
        system_attributes: false,
        ..without_ids(question)
    }
}

/// Of a question about whichever ids, what a retrieval can ask.
fn as_a_retrieval(question: &Question) -> Question {
    let asked = without_ids(question);
    Question {
        query: Query {
            types: asked.query.types,
            attributes: asked.query.attributes,
            ..Query::default()
        },
        shown: asked.shown,
        datasets: asked.datasets,
        leaving: asked.leaving,
        tenant: asked.tenant,
        local: asked.local,
        ..Question::default()
    }
}

/// The question about whichever ids.
pub(super) fn without_ids(question: &Question) -> Question {
    let mut rest = question.clone();
    rest.query.ids.clear();
    rest.held_by = None;
    for selector in &mut rest.selectors {
        selector.ids.clear();
    }
    rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_two_ids_are_alike_and_a_cursor_leads_back_to_its_map() {
        let (one, other) = (MapId::random().unwrap(), MapId::random().unwrap());
        assert_ne!(one, other);
        assert_eq!(one.as_str().len(), PREFIX.len() + 32);
        assert_eq!(MapId::of_cursor(&one.cursor(17)), Some((one, 17)));
        for text in [
            "",
            "a",
            "a.",
            "a.b",
            "a.-1",
            "a.+1",
            "a.1.2",
            "a.99999999999999999999999",
            "xyz.5",
            "0123456789abcdef0123456789abcde.5",
            "0123456789ABCDEF0123456789ABCDEF.5",
        ] {
            assert_eq!(MapId::of_cursor(text), None, "{text}");
        }
        let name = "0123456789abcdef0123456789abcdef";
        assert!(MapId::of_cursor(&format!("{name}.5")).is_some());
        for position in ["", "b", "-1", "+1", "1.2", "99999999999999999999999"] {
            assert_eq!(MapId::of_cursor(&format!("{name}.{position}")), None, "{position}");
        }
    }
}
