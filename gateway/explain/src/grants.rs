//! What the policies grant of each owner's data, and which of their lines decided. Types that are decided alike stand
//! together.

use std::sync::Arc;

use hashbrown::HashMap;
use kakehashi_core::names::TenantId;
use kakehashi_documents::vocabulary::{compact_attribute, compact_type};
use kakehashi_federation::Question;
use kakehashi_federation::plan::{Asker, sources_of, types_named_here};
use kakehashi_federation::registry::RegisteredSource;
use kakehashi_policy::{Class, Denial, PermitScope, PermittedAttributes, PersonalData, TypeGrant, UnmetPermit};
use ngsi_ld::TypeName;
use serde::Serialize;

use super::Explanation;

/// What stands for every attribute that nobody has classed limited or personal.
pub const EVERYTHING: &str = "*";

/// What is granted of one owner's data in one source.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct OwnerGrants {
    /// The owner.
    pub tenant: String,
    /// The source, or the store of which it has a partition.
    pub source: String,
    /// `present` or `none`, as tenants.toml says of the source.
    pub personal_data: &'static str,
    /// Each type that is asked for and that the source provides, once.
    pub types: Vec<TypeDecision>,
}

/// What is decided about types.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TypeDecision {
    /// The types.
    pub types: Vec<String>,
    /// Their class; `unclassified` where nobody has given one.
    pub class: &'static str,
    /// The permits that cover them, each on its own. None: nothing is granted.
    pub permits: Vec<PermitShown>,
    /// Permits that cover them and do not apply to this request.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unmet: Vec<UnmetShown>,
    /// Why nothing is granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub denial: Option<DenialShown>,
}

/// One permit that covers a type.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PermitShown {
    /// The file and the line.
    pub policy: String,
    /// The attributes that it grants, in order; `*` stands for whatever nobody has classed limited or personal.
    pub attributes: Vec<String>,
    /// What an entity or a request must be like for it, as the permit says it. None: it holds for all.
    pub conditions: Vec<String>,
    /// Whether these are all attributes of the type that are classed open.
    #[serde(skip)]
    pub is_every_open: bool,
}

/// A permit that covers a type and does not apply.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct UnmetShown {
    /// The file and the line.
    pub policy: String,
    /// In one sentence.
    pub reason: &'static str,
}

impl UnmetShown {
    fn of(unmet: &UnmetPermit) -> Self {
        Self {
            policy: unmet.policy.to_string(),
            reason: unmet.reason.in_words(),
        }
    }
}

/// Why nothing is granted.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct DenialShown {
    /// In one sentence.
    pub reason: String,
    /// The policies that forbid it.
    pub policies: Vec<String>,
}

impl DenialShown {
    /// In words.
    #[must_use]
    pub fn of(denial: &Denial) -> Self {
        let policies: &[_] = match denial {
            Denial::Forbidden(policies) => policies,
            _ => &[],
        };
        Self {
            reason: denial.in_words(),
            policies: policies.iter().map(ToString::to_string).collect(),
        }
    }
}

impl PermitShown {
    /// A permit with what it grants.
    #[must_use]
    pub fn of(permit: &PermitScope) -> Self {
        let mut attributes = match &permit.attributes {
            PermittedAttributes::Unrestricted => vec![EVERYTHING.to_owned()],
            PermittedAttributes::Only(names) => names.iter().map(compact_attribute).collect(),
        };
        attributes.sort();
        Self {
            policy: permit.policy.to_string(),
            attributes,
            conditions: permit.conditions.in_words(),
            is_every_open: false,
        }
    }
}

/// What `personal_data` says, as tenants.toml writes it.
#[must_use]
pub fn personal_data_shown(personal_data: PersonalData) -> &'static str {
    match personal_data {
        PersonalData::Present => "present",
        PersonalData::None => "none",
    }
}

/// The sources that a read is about.
fn asked_of(question: &Question, asker: &Asker<'_>, named: &[TypeName]) -> Vec<Arc<RegisteredSource>> {
    // Where there are too many of them, what would be asked says so.
    sources_of(question, asker, named).unwrap_or_default()
}

/// Adds what is granted for a read.
pub(super) fn of_reading(question: &Question, asker: &Asker<'_>, explanation: &mut Explanation) {
    let named = types_named_here(question, asker.policies);
    for source in asked_of(question, asker, &named) {
        let held = named.iter().filter(|name| source.may_hold(name, &question.query.ids));
        add(&source, held, asker, explanation);
    }
    if question.query.types.is_some() {
        for name in named.iter() {
            let held = asked_of(question, asker, std::slice::from_ref(name))
                .iter()
                .any(|source| source.may_hold(name, &question.query.ids));
            if !held {
                let name = compact_type(name);
                explanation
                    .notes
                    .push(format!("no source that is asked provides `{name}`"));
            }
        }
    } else if asker
        .registry
        .configured()
        .iter()
        .any(|source| source.holds_any_type() && source.personal_data == PersonalData::None)
    {
        let note =
            "no type is named: a store without personal data is also asked for types of its own that nobody names here";
        explanation.notes.push(note.to_owned());
    }
}

/// Adds what is granted for a write to the data of a tenant; without types, for every type that somebody has named.
pub(super) fn of_writing(
    types: Option<Vec<TypeName>>,
    owner: &TenantId,
    asker: &Asker<'_>,
    explanation: &mut Explanation,
) {
    let mut types = types.unwrap_or_else(|| asker.policies.known_types().to_vec());
    types.sort();
    types.dedup();
    let mut any = false;
    for source in asker.registry.writable_sources(owner) {
        any = true;
        add(
            source,
            types.iter().filter(|name| source.may_hold(name, &[])),
            asker,
            explanation,
        );
    }
    if !any {
        let note = format!("`{owner}` has no partition of the store that takes writes: a write is refused");
        explanation.notes.push(note);
    }
}

fn add<'a>(
    source: &RegisteredSource,
    types: impl Iterator<Item = &'a TypeName>,
    asker: &Asker<'_>,
    explanation: &mut Explanation,
) {
    let grants = types.map(|name| {
        asker.policies.grant(
            asker.consumer,
            asker.operation,
            &source.tenant,
            name,
            source.personal_data,
        )
    });
    let classification = asker.policies.classification();
    let mut decisions: Vec<TypeDecision> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for grant in grants {
        let mut decision = decision(&grant, classification.type_class(grant.r#type()));
        let open = asker.policies.attributes_of_class(grant.r#type(), Class::Open);
        let mut open: Vec<String> = open.map(compact_attribute).collect();
        open.sort();
        for permit in &mut decision.permits {
            permit.is_every_open = !open.is_empty() && permit.attributes == open;
        }
        // Types are hundreds, ways to decide them few.
        let TypeDecision {
            class,
            permits,
            unmet,
            denial,
            ..
        } = &decision;
        let key = format!("{permits:?}{unmet:?}{denial:?}{class}");
        match places.get(&key).and_then(|place| decisions.get_mut(*place)) {
            Some(known) => known.types.extend(decision.types),
            None => {
                places.insert(key, decisions.len());
                decisions.push(decision);
            }
        }
    }
    if !decisions.is_empty() {
        explanation.grants.push(OwnerGrants {
            tenant: source.tenant.as_str().to_owned(),
            source: source.id.as_str().to_owned(),
            personal_data: personal_data_shown(source.personal_data),
            types: decisions,
        });
    }
}

fn decision(grant: &TypeGrant, class: Option<Class>) -> TypeDecision {
    TypeDecision {
        types: vec![compact_type(grant.r#type())],
        class: class.map_or("unclassified", Class::as_str),
        permits: grant.permits().iter().map(PermitShown::of).collect(),
        unmet: grant.unmet().iter().map(UnmetShown::of).collect(),
        denial: grant.denial().map(DenialShown::of),
    }
}
