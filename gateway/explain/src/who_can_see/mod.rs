//! Who sees a type of a tenant's, or an attribute of it: every consumer and purpose, by which operations, by which permits and
//! under which conditions; and why the others do not.
//!
//! It decides nothing itself: for each consumer, purpose and operation it asks `policy` for the grant that a request has.

pub(crate) mod asking;
mod subject;
mod text;
pub(crate) mod why;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use jiff::civil::Date;
use kakehashi_config::{Config, Proofs};
use kakehashi_core::consumer::Consumer;
use kakehashi_core::names::TenantId;
use kakehashi_documents::vocabulary::{compact_attribute, compact_type};
use kakehashi_federation::registry::Registry;
use kakehashi_policy::inspection::Rule;
use kakehashi_policy::{Class, Operation, PersonalData};
use serde::Serialize;
use tokio_util::sync::CancellationToken;

use self::asking::{Alike, Asking, seeing};
use self::subject::Subject;
use self::why::why_not;
use crate::grants::{PermitShown, personal_data_shown};

/// Ways of seeing that are told. More are counted: nobody reads them.
const MOST_WAYS: usize = 1_000;

/// Consumers that are named of those that see in the same way. More are counted.
const MOST_NAMED: usize = 100;

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
    /// The class of the attribute, or of the type.
    pub class: &'static str,
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

/// Consumers, not more than anybody reads, and how many there are.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Consumers {
    /// How many.
    pub count: usize,
    /// The first of them.
    pub names: Vec<String>,
    /// Those among them as which nobody can call now, and why.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub nobody_calls_as: BTreeMap<String, &'static str>,
}

/// What makes two ways one. Operations are places in [`seeing`]; kinds of sources: `None` stands for all.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Manner {
    only_identified: bool,
    operations: Vec<usize>,
    kind: Option<PersonalData>,
    permits: Vec<PermitShown>,
    purposes: Option<Vec<String>>,
}

/// What shows it to one who asks: by which permits, in which kind of source.
type Profile = BTreeMap<(Option<PersonalData>, Vec<PermitShown>), Vec<usize>>;

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
    let subject = Subject::read(config, registry, [asked.tenant, asked.r#type], asked.attribute, &mut notes)?;
    notes.extend(subject.unknown_names(config));
    let class = subject.class(config);
    let mut seen = Seen {
        revision: config.revision.as_str().to_owned(),
        tenant: subject.tenant.as_str().to_owned(),
        r#type: compact_type(&subject.r#type),
        attribute: subject.attribute.as_ref().map(compact_attribute),
        class: class.map_or("unclassified", Class::as_str),
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
        told_to: asked.told_to,
    };
    let proofs = config.consumers.proofs(asked.today);
    let naming = Naming::new(config, asked, &proofs);
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

/// What is judged.
struct Judging<'a> {
    config: &'a Config,
    subject: &'a Subject<'a>,
    kinds: Vec<PersonalData>,
    class: Option<Class>,
    operations: Vec<Operation>,
    told_to: Option<&'a TenantId>,
}

impl Judging<'_> {
    /// How consumers that are alike see it.
    fn manners(&self, askings: &[Asking], naming: &Naming<'_>, alike: &Alike<'_>) -> BTreeSet<Manner> {
        let mut plain: BTreeMap<Option<&str>, Profile> = BTreeMap::new();
        let mut by_way: BTreeMap<(bool, Option<PersonalData>, Vec<PermitShown>, Vec<usize>), BTreeSet<Option<&str>>> =
            BTreeMap::new();
        let mut all: BTreeSet<Option<&str>> = BTreeSet::new();
        for asking in askings {
            let purpose = asking.consumer.purpose.as_deref();
            all.insert(purpose);
            let mut profile = self.profile(asking);
            if asking.is_identified {
                // What is seen by whoever is not identified, too, is told there.
                let known = plain.get(&purpose);
                profile.retain(|way, operations| known.and_then(|known| known.get(way)) != Some(operations));
            } else {
                plain.insert(purpose, profile.clone());
            }
            for ((kind, permits), operations) in profile {
                let way = (asking.is_identified, kind, permits, operations);
                by_way.entry(way).or_default().insert(purpose);
            }
        }
        let told = |purposes: BTreeSet<Option<&str>>| {
            (purposes != all).then(|| naming.purposes(&purposes, alike.members.first().copied()))
        };
        let manners = by_way.into_iter();
        manners
            .map(|((only_identified, kind, permits, operations), purposes)| Manner {
                only_identified,
                operations,
                kind,
                permits,
                purposes: told(purposes),
            })
            .collect()
    }

    /// What shows it to one who asks.
    fn profile(&self, asking: &Asking) -> Profile {
        let mut profile = Profile::new();
        for (place, operation) in self.operations.iter().enumerate() {
            let mut by_kind: Vec<(PersonalData, Vec<PermitShown>)> = Vec::new();
            for kind in &self.kinds {
                let permits = self.permits(asking, *operation, *kind);
                // What may not be read is in no notification.
                let may_be_told =
                    *operation != Operation::CreateSubscription || self.is_seen(asking, Operation::QueryEntity, *kind);
                by_kind.push((*kind, if may_be_told { permits } else { Vec::new() }));
            }
            let is_one = by_kind.windows(2).all(|pair| matches!(pair, [one, other] if one.1 == other.1));
            for (kind, permits) in by_kind.into_iter().filter(|(_, permits)| !permits.is_empty()) {
                let places = profile.entry(((!is_one).then_some(kind), permits)).or_default();
                if places.last() != Some(&place) {
                    places.push(place);
                }
            }
        }
        profile
    }

    fn is_seen(&self, asking: &Asking, operation: Operation, kind: PersonalData) -> bool {
        !self.permits(asking, operation, kind).is_empty()
    }

    /// The permits that show it.
    fn permits(&self, asking: &Asking, operation: Operation, kind: PersonalData) -> Vec<PermitShown> {
        let Subject {
            tenant,
            r#type,
            attribute,
            ..
        } = self.subject;
        let grant = self.config.policy.grant(&asking.consumer, operation, tenant, r#type, kind);
        let shows = |permit: &&kakehashi_policy::PermitScope| {
            attribute.as_ref().is_none_or(|name| grant.permit_includes(permit, name))
        };
        let mut permits: Vec<PermitShown> = grant.permits().iter().filter(shows).map(PermitShown::of).collect();
        if let Some(name) = attribute {
            // Which others it grants is another question.
            let name = compact_attribute(name);
            permits.iter_mut().for_each(|permit| permit.attributes = vec![name.clone()]);
        }
        permits.sort();
        permits
    }

    /// Why one who asks does not see it.
    fn reasons(&self, asking: &Asking) -> Vec<String> {
        let Subject {
            tenant,
            r#type,
            attribute,
            ..
        } = self.subject;
        let kinds = self.kinds.iter();
        let reasons = kinds.map(|kind| {
            let grant = self.config.policy.grant(&asking.consumer, Operation::QueryEntity, tenant, r#type, *kind);
            why_not(&grant, attribute.as_ref().map(|name| (name, self.class)), *kind)
        });
        reasons.collect()
    }
}

/// How consumers and purposes are called for whoever is told.
struct Naming<'a> {
    told_to: Option<&'a TenantId>,
    /// The consumers and purposes that the policies of the tenant name.
    named_consumers: BTreeSet<String>,
    named_purposes: BTreeSet<String>,
    proofs: &'a Proofs<'a>,
}

/// What is told of a purpose that is another's consumer's own matter.
const ANOTHER_PURPOSE: &str = "(another of its purposes)";

/// What is told of a request without a purpose.
const NO_PURPOSE: &str = "(none)";

impl<'a> Naming<'a> {
    fn new(config: &Config, asked: &WhoCanSee<'a>, proofs: &'a Proofs<'a>) -> Self {
        let mut named_purposes = BTreeSet::new();
        let mut named_consumers = BTreeSet::new();
        if let Some(own) = asked.told_to {
            named_consumers = config.policy.named_by(own).consumers;
            let partition = config.policy.policies().partitions.get(own);
            let policies = partition.into_iter().flat_map(|partition| partition.own.policies_with_starts());
            let purposes = policies.flat_map(|(_, _, narrowing)| &narrowing.conditions.purposes);
            named_purposes.extend(purposes.map(ToString::to_string));
        }
        Self {
            told_to: asked.told_to,
            named_consumers,
            named_purposes,
            proofs,
        }
    }

    /// Whether what a consumer is, is known to whoever is told.
    fn knows(&self, consumer: &Consumer) -> bool {
        let is_own = |own: &TenantId| consumer.tenant() == Some(own);
        consumer.is_anonymous() || self.told_to.is_none_or(is_own)
    }

    fn purposes(&self, purposes: &BTreeSet<Option<&str>>, of: Option<&Arc<Consumer>>) -> Vec<String> {
        let knows_all = of.is_some_and(|consumer| self.knows(consumer));
        let shown = purposes.iter().map(|purpose| match purpose {
            None => NO_PURPOSE.to_owned(),
            Some(purpose) if knows_all || self.named_purposes.contains(*purpose) => (*purpose).to_owned(),
            Some(_) => ANOTHER_PURPOSE.to_owned(),
        });
        let shown: BTreeSet<String> = shown.collect();
        shown.into_iter().collect()
    }

    fn consumers(&self, mut consumers: Vec<&Arc<Consumer>>) -> Consumers {
        consumers.sort_by(|one, other| one.id.cmp(&other.id));
        let count = consumers.len();
        consumers.truncate(MOST_NAMED);
        let nobody = consumers.iter().filter(|consumer| self.knows(consumer));
        let nobody = nobody.filter_map(|consumer| {
            let reason = self.proofs.nobody_because(&consumer.id)?;
            Some((consumer.id.as_str().to_owned(), reason))
        });
        Consumers {
            count,
            nobody_calls_as: nobody.collect(),
            names: consumers.iter().map(|consumer| consumer.id.as_str().to_owned()).collect(),
        }
    }
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
            let reasons: BTreeSet<&String> = unseen.keys().flatten().collect();
            self.because.extend(reasons.into_iter().take(MOST_REASONS).cloned());
            if self.because.is_empty() {
                self.because.push("there is no consumer".to_owned());
            }
        }
        self.left_out = ways.len().saturating_sub(MOST_WAYS);
        for (manner, consumers) in ways.into_iter().take(MOST_WAYS) {
            let operations = manner.operations.iter().filter_map(|place| judging.operations.get(*place));
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
            let may_be_told = |consumer: &Consumer| {
                naming.knows(consumer) || naming.named_consumers.contains(consumer.id.as_str())
            };
            consumers.retain(|consumer| judging.told_to.is_none() || may_be_told(consumer));
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
        if self.seen_by.is_empty() {
            return;
        }
        let tenant = config.tenant(subject.tenant.as_str());
        if let Some(actions) = tenant.map(|tenant| tenant.inspection) {
            let told = Rule::ALL.iter().map(|rule| format!("{rule} {}", actions.of(*rule, false)));
            let told: Vec<String> = told.collect();
            self.notes.push(format!(
                "values are looked through before they leave (`inspection` of `{}`): {}",
                subject.tenant,
                told.join(", ")
            ));
        }
        if !config.issuers.is_empty() {
            let note = "roles that only tokens bring are not known here: `kakehashi explain --role` says what one of them shows";
            self.notes.push(note.to_owned());
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
