//! Who sees a type of a tenant's, or an attribute of it: every consumer and purpose, by which operations, by which permits and
//! under which conditions; and why the others do not.
//!
//! It decides nothing itself: for each consumer, purpose and operation it asks `policy` for the grant that a request has.

pub(crate) mod asking;
mod judging;
mod naming;
mod subject;
mod text;
pub(crate) mod why;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use kakehashi_config::Config;
use kakehashi_core::consumer::Consumer;
use kakehashi_core::names::TenantId;
use kakehashi_documents::vocabulary::{compact_attribute, compact_type};
use kakehashi_federation::registry::Registry;
use kakehashi_policy::inspection::Rule;
use kakehashi_policy::{Class, Operation, PersonalData};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use self::asking::{Alike, seeing};
use self::judging::{Judging, Manner};
pub use self::naming::Consumers;
use self::naming::Naming;
use self::subject::Subject;
use crate::grants::{PermitShown, personal_data_shown};

/// Ways of seeing that are told. More are counted: nobody reads them.
const MOST_WAYS: usize = 1_000;

/// Reasons that are told why nobody sees something.
const MOST_REASONS: usize = 20;

/// What is asked.
#[derive(Debug, Clone, Copy)]
pub struct WhoCanSee<'a> {
    /// Whose data.
    pub tenant: &'a str,
    /// Of which type: a short name or an IRI.
    pub r#type: &'a str,
    /// Which attribute; `None`: the entities as such.
    pub attribute: Option<&'a str>,
    /// The day on which keys are valid or not.
    pub today: Date,
    /// The tenant whose administrator is told, and told nothing of the consumers of others but that they see its data;
    /// `None`: whoever may see everything.
    pub told_to: Option<&'a TenantId>,
}

/// Why it cannot be told.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CannotTell {
    /// There is no such tenant.
    #[error("no tenant is called `{0}`{1}")]
    Tenant(String, String),
    /// A name that nothing can have.
    #[error("{0}")]
    Name(String),
    /// What was asked for was given up before it was known.
    #[error("given up before it was known")]
    NobodyWaits,
}

/// Who sees it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// The revision that it holds for.
    pub revision: String,
    /// Whose data.
    pub tenant: String,
    /// Of which type.
    pub r#type: String,
    /// Which attribute; none: the entities as such.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub attribute: Option<String>,
    /// The class of the attribute, or of the type. None: it is told to nobody who administers a tenant that has none of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub class: Option<&'static str>,
    /// The sources that may hold it.
    pub sources: Vec<SourceShown>,
    /// Who sees it, and how. Nobody: `because` says why.
    pub seen_by: Vec<Way>,
    /// Who does not, and why. A tenant's administrator is told of its own consumers, and of those that its policies name.
    pub not_seen_by: Vec<NotSeen>,
    /// Why nobody sees it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub because: Vec<String>,
    /// Ways that are not told, because there are too many.
    pub left_out: usize,
    /// What else there is to know.
    pub notes: Vec<String>,
}

/// A source that may hold what is asked about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct SourceShown {
    /// Its id.
    pub source: String,
    /// `present` or `none`, as tenants.toml says of it.
    pub personal_data: &'static str,
}

/// How the same consumers see it.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Way {
    /// Who.
    pub consumers: Consumers,
    /// What they have to state as their purpose, one of these. `None`: whatever they state, and nothing as well.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub purposes: Option<Vec<String>>,
    /// Whether that holds only where the token says surely enough who its holder is.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub only_identified: bool,
    /// By which operations: a group where all of it is meant.
    pub operations: Vec<String>,
    /// In which sources; none: all of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<String>,
    /// By which permits. Each is enough for the entities that fulfil its conditions.
    pub permits: Vec<PermitShown>,
}

/// Who does not see it, for the same reasons.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct NotSeen {
    /// Who.
    pub consumers: Consumers,
    /// Why.
    pub reasons: Vec<String>,
}

/// Who sees it under a configuration and the sources that were made of it, for as long as anybody waits for the answer.
///
/// # Errors
/// [`CannotTell`]
pub fn who_can_see(
    config: &Config,
    registry: &Registry,
    asked: &WhoCanSee<'_>,
    waits: &CancellationToken,
) -> Result<Seen, CannotTell> {
    let mut notes = Vec::new();
    let subject = Subject::read(
        config,
        registry,
        [asked.tenant, asked.r#type],
        asked.attribute,
        &mut notes,
    )?;
    let is_for_all = asked.told_to.is_none();
    // What stands in the classification of a type that no source of the tenant may hold is there for the data of others.
    let may_be_told = is_for_all || !subject.sources.is_empty();
    let class = subject.class(config);
    if may_be_told {
        notes.extend(subject.unknown_names(config, is_for_all));
    }
    let mut seen = Seen {
        revision: config.revision.as_str().to_owned(),
        tenant: subject.tenant.as_str().to_owned(),
        r#type: compact_type(&subject.r#type),
        attribute: subject.attribute.as_ref().map(compact_attribute),
        class: may_be_told.then(|| class.map_or("unclassified", Class::as_str)),
        sources: sources(&subject, None),
        seen_by: Vec::new(),
        not_seen_by: Vec::new(),
        because: Vec::new(),
        left_out: 0,
        notes,
    };
    if let Some(reason) = subject.not_provided(registry) {
        seen.because.push(reason);
        return Ok(seen);
    }
    let judging = Judging {
        config,
        kinds: subject.kinds(),
        class,
        operations: seeing(),
        subject: &subject,
    };
    let proofs = config.consumers.proofs(asked.today);
    let naming = Naming::new(config, asked.told_to, &proofs);
    let mut ways: BTreeMap<Manner, Vec<&Arc<Consumer>>> = BTreeMap::new();
    let mut unseen: BTreeMap<BTreeSet<String>, Vec<&Arc<Consumer>>> = BTreeMap::new();
    for alike in Alike::of(config, subject.tenant, &proofs) {
        if waits.is_cancelled() {
            return Err(CannotTell::NobodyWaits);
        }
        let askings = alike.askings();
        let manners = judging.manners(&askings, &naming, &alike);
        if manners.is_empty() {
            let reasons = askings.iter().flat_map(|asking| judging.reasons(asking)).collect();
            unseen.entry(reasons).or_default().extend(&alike.members);
        }
        for manner in manners {
            ways.entry(manner).or_default().extend(&alike.members);
        }
    }
    seen.tell(&judging, ways, unseen, &naming);
    seen.add_notes(config, &subject);
    Ok(seen)
}

impl Seen {
    fn tell(
        &mut self,
        judging: &Judging<'_>,
        ways: BTreeMap<Manner, Vec<&Arc<Consumer>>>,
        unseen: BTreeMap<BTreeSet<String>, Vec<&Arc<Consumer>>>,
        naming: &Naming<'_>,
    ) {
        if ways.is_empty() {
            // What keeps another's consumer from it tells what that one has and has not.
            let told = unseen.iter().filter(|(_, consumers)| {
                let mut consumers = consumers.iter();
                consumers.any(|consumer| naming.may_be_told_of(consumer))
            });
            let reasons: BTreeSet<&String> = told.flat_map(|(reasons, _)| reasons).collect();
            self.because.extend(reasons.into_iter().take(MOST_REASONS).cloned());
            if self.because.is_empty() {
                let reason = "there is no consumer that you may know of, or no permit shows it to one";
                self.because.push(reason.to_owned());
            }
        }
        self.left_out = ways.len().saturating_sub(MOST_WAYS);
        for (manner, consumers) in ways.into_iter().take(MOST_WAYS) {
            let operations = manner
                .operations
                .iter()
                .filter_map(|place| judging.operations.get(*place));
            let operations: Vec<Operation> = operations.copied().collect();
            let in_sources = manner.kind.map(|kind| sources(judging.subject, Some(kind)));
            self.seen_by.push(Way {
                consumers: naming.consumers(consumers),
                purposes: manner.purposes,
                only_identified: manner.only_identified,
                operations: asking::told(&operations),
                sources: in_sources.into_iter().flatten().map(|shown| shown.source).collect(),
                permits: manner.permits,
            });
        }
        for (reasons, mut consumers) in unseen {
            consumers.retain(|consumer| naming.may_be_told_of(consumer));
            if consumers.is_empty() {
                continue;
            }
            if self.not_seen_by.len() == MOST_WAYS {
                self.left_out += 1;
                continue;
            }
            self.not_seen_by.push(NotSeen {
                consumers: naming.consumers(consumers),
                reasons: reasons.into_iter().take(MOST_REASONS).collect(),
            });
        }
    }

    fn add_notes(&mut self, config: &Config, subject: &Subject<'_>) {
        if !config.issuers.is_empty() {
            let note = "roles, levels and words of `acr` that only tokens bring are not known here: `kakehashi explain` with \
                        `--role` and `--assurance` says what one of them shows";
            self.notes.push(note.to_owned());
        }
        if self.seen_by.is_empty() {
            return;
        }
        let tenant = config.tenant(subject.tenant.as_str());
        if let Some(actions) = tenant.map(|tenant| tenant.inspection) {
            let told = Rule::ALL
                .iter()
                .map(|rule| format!("{rule} {}", actions.of(*rule, false)));
            let told: Vec<String> = told.collect();
            self.notes.push(format!(
                "values are looked through before they leave (`inspection` of `{}`): {}",
                subject.tenant,
                told.join(", ")
            ));
        }
        let note = "an entity that has a second type, too, may be hidden by the class of that";
        self.notes.push(note.to_owned());
    }
}

/// The sources that may hold it, of one kind or of both.
fn sources(subject: &Subject<'_>, kind: Option<PersonalData>) -> Vec<SourceShown> {
    let holding = subject.sources.iter().filter(|source| subject.is_provided_by(source));
    let of_kind = holding.filter(|source| kind.is_none_or(|kind| source.personal_data == kind));
    let mut shown: Vec<SourceShown> = of_kind
        .map(|source| SourceShown {
            source: source.id.as_str().to_owned(),
            personal_data: personal_data_shown(source.personal_data),
        })
        .collect();
    shown.sort();
    shown.dedup();
    shown
}
