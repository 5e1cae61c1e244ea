//! Each type and attribute that a read mentions: whether its consumer is granted it, by which permits, or why not. As with
//! grants, what is told is told of the tenants that the request is about.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Formatter};
use std::sync::Arc;

use kakehashi_core::diagnostics::nearest;
use kakehashi_documents::vocabulary::{compact_attribute, compact_type};
use kakehashi_federation::Question;
use kakehashi_federation::granted_names::is_said_to_have;
use kakehashi_federation::plan::{Asker, sources_of, types_named_here};
use kakehashi_federation::registry::RegisteredSource;
use kakehashi_http::api::mentioned::{Mentioned, MentionedName, Of};
use kakehashi_policy::{Class, PermittedAttributes, PersonalData, TypeGrant};
use ngsi_ld::query::{Query, TypeSelection};
use ngsi_ld::{AttributeName, TypeName};
use serde::Serialize;

use super::Explanation;

/// Types that one line names.
const SHOWN_TYPES: usize = 4;

/// A name that the request mentions.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct JudgedName {
    /// As the files call it.
    pub name: String,
    /// `type` or `attribute`.
    pub kind: &'static str,
    /// Of linked entities, not of those that are asked for.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub of_linked: bool,
    /// The parameters that mention it.
    pub parameters: Vec<&'static str>,
    /// Whether it is granted, of some of the data at least.
    pub granted: bool,
    /// What decided, each once.
    pub because: Vec<Because>,
    /// Where nobody has named it: the nearest name that there is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub did_you_mean: Option<String>,
}

/// What decided about a name, wherever it was the same.
#[derive(Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Because {
    /// Whether it is granted there.
    pub granted: bool,
    /// Its class there; `unclassified` where nobody has given one.
    pub class: &'static str,
    /// Of an attribute: of which types.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// Whose data it is.
    pub tenants: Vec<String>,
    /// The permits that grant it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub permits: Vec<String>,
    /// Why it is not granted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Adds what there is to say of the names that a read mentions.
pub(super) fn of_reading(
    mentioned: &[Mentioned],
    question: &Question,
    asker: &Asker<'_>,
    explanation: &mut Explanation,
) {
    let judging = Judging { question, asker };
    let judged = mentioned.iter().map(|Mentioned { name, parameters }| {
        let mut judged = match name {
            MentionedName::Type(name) => judging.of_type(name),
            MentionedName::Attribute(name, of) => judging.of_attribute(name, of),
        };
        judged.parameters.clone_from(parameters);
        judged
    });
    explanation.names = judged.collect();
}

/// The same reasons of several types and tenants.
#[derive(Default)]
struct Reasons(BTreeMap<Reason, (BTreeSet<String>, BTreeSet<String>)>);

/// What is granted comes first.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Reason {
    is_refused: bool,
    class: &'static str,
    permits: Vec<String>,
    reason: Option<String>,
}

impl Reasons {
    fn add(&mut self, reason: Reason, r#type: Option<&TypeName>, source: &RegisteredSource) {
        let (types, tenants) = self.0.entry(reason).or_default();
        types.extend(r#type.map(compact_type));
        tenants.insert(source.tenant.as_str().to_owned());
    }

    fn judged(self, name: String, kind: &'static str) -> JudgedName {
        let because = self.0.into_iter().map(|(reason, (types, tenants))| Because {
            granted: !reason.is_refused,
            class: reason.class,
            types: types.into_iter().collect(),
            tenants: tenants.into_iter().collect(),
            permits: reason.permits,
            reason: reason.reason,
        });
        let because: Vec<Because> = because.collect();
        JudgedName {
            name,
            kind,
            of_linked: false,
            parameters: Vec::new(),
            granted: because.iter().any(|because| because.granted),
            because,
            did_you_mean: None,
        }
    }
}

struct Judging<'a> {
    question: &'a Question,
    asker: &'a Asker<'a>,
}

impl Judging<'_> {
    fn of_type(&self, name: &TypeName) -> JudgedName {
        let mut reasons = Reasons::default();
        for source in self.sources(std::slice::from_ref(name)) {
            let grant = self.grant(&source, name);
            let permits = grant.permits().iter().map(|permit| permit.policy.to_string());
            let reason = Reason {
                is_refused: grant.is_empty(),
                class: class_in_words(self.asker.policies.classification().type_class(name)),
                permits: permits.collect(),
                reason: grant.is_empty().then(|| nothing_of_type(&grant)),
            };
            reasons.add(reason, None, &source);
        }
        let mut judged = reasons.judged(compact_type(name), "type");
        let is_named = || {
            let sources = self.sources(std::slice::from_ref(name));
            sources
                .iter()
                .any(|source| is_said_to_have(source, name, self.asker.policies))
        };
        if !judged.granted && !is_named() {
            let known = self.known_types();
            let nearest = nearest(&judged.name, known.iter().map(String::as_str));
            judged.did_you_mean = nearest.filter(|near| *near != judged.name).map(str::to_owned);
        }
        judged
    }

    fn of_attribute(&self, name: &AttributeName, of: &Of) -> JudgedName {
        let policies = self.asker.policies;
        let (types, is_named) = match of {
            Of::Linked(types) if types.is_empty() => (policies.known_types().to_vec(), false),
            Of::Linked(types) => (types.clone(), true),
            Of::Asked => {
                let types = types_named_here(self.question, policies).into_owned();
                (types, self.question.query.types.is_some())
            }
        };
        let (mut reasons, mut known) = (Reasons::default(), BTreeSet::new());
        for source in self.sources(&types) {
            for r#type in types.iter().filter(|name| source.may_hold(name, &[])) {
                known.extend(policies.attributes_known(r#type).cloned());
                let grant = self.grant(&source, r#type);
                for permit in grant.permits() {
                    if let PermittedAttributes::Only(names) = &permit.attributes {
                        known.extend(names.iter().cloned());
                    }
                }
                let class = policies.classification().attribute_class(r#type, name);
                let is_by_name = policies.attributes_known(r#type).any(|known| known == name)
                    || class.is_some() && policies.classification().names_attribute(name);
                let reason = self.of_attribute_there(name, &grant, class, is_by_name, &source);
                // Of types that nobody named, those alone that have something to say of it.
                if is_named || is_by_name || !reason.is_refused {
                    reasons.add(reason, Some(r#type), &source);
                }
            }
        }
        let mut judged = reasons.judged(compact_attribute(name), "attribute");
        judged.of_linked = *of != Of::Asked;
        // What nobody names may be granted with all that nobody has classified.
        if !known.contains(name) && !policies.classification().names_attribute(name) {
            let known: Vec<String> = known.iter().map(compact_attribute).collect();
            judged.did_you_mean = nearest(&judged.name, known.iter().map(String::as_str)).map(str::to_owned);
        }
        judged
    }

    fn of_attribute_there(
        &self,
        name: &AttributeName,
        grant: &TypeGrant,
        class: Option<Class>,
        is_by_name: bool,
        source: &RegisteredSource,
    ) -> Reason {
        let granting = grant
            .permits()
            .iter()
            .filter(|permit| grant.permit_includes(permit, name));
        let permits: Vec<String> = granting.map(|permit| permit.policy.to_string()).collect();
        let is_provided = source.provided_attributes(grant.r#type(), &[]).includes(name);
        let reason = match class {
            _ if grant.is_empty() => Some(nothing_of_type(grant)),
            Some(class) if permits.is_empty() && class.is_personal() => {
                let spelt = if is_by_name { "" } else { ", as a name that is spelt so" };
                Some(format!("it is about persons{spelt}, and granted to nobody"))
            }
            Some(class) if permits.is_empty() && class.is_guarded() => {
                Some(format!("no permit that applies reaches what is {class}"))
            }
            Some(Class::Limited) if permits.is_empty() => {
                Some("it is limited, and no permit that applies names it".to_owned())
            }
            None if permits.is_empty() && source.personal_data == PersonalData::Present => {
                Some("nobody has classified it, and the source may hold personal data".to_owned())
            }
            _ if permits.is_empty() => Some("no permit that applies grants it".to_owned()),
            _ if !is_provided => Some(format!("`{}` is not said to provide it", source.id)),
            _ => None,
        };
        Reason {
            is_refused: reason.is_some(),
            class: class_in_words(class),
            permits: if reason.is_some() { Vec::new() } else { permits },
            reason,
        }
    }

    fn grant(&self, source: &RegisteredSource, r#type: &TypeName) -> Arc<TypeGrant> {
        let Asker {
            consumer,
            operation,
            policies,
            ..
        } = *self.asker;
        policies.grant(consumer, operation, &source.tenant, r#type, source.personal_data)
    }

    /// The sources that may hold such entities, of the tenants that the request is about.
    fn sources(&self, types: &[TypeName]) -> Vec<Arc<RegisteredSource>> {
        let selection = types.iter().cloned().map(TypeSelection::Type).collect();
        let question = Question {
            query: Query {
                types: Some(TypeSelection::Any(selection)),
                ..Query::default()
            },
            tenant: self.question.tenant.clone(),
            ..Question::default()
        };
        // Where there are too many of them, what would be asked says so.
        let mut sources = sources_of(&question, self.asker, types).unwrap_or_default();
        sources.retain(|source| types.iter().any(|name| source.may_hold(name, &[])));
        sources
    }

    /// The types that these sources are said to have.
    fn known_types(&self) -> Vec<String> {
        let known = self.asker.policies.known_types();
        let sources = self.sources(known);
        let is_said = |name: &&TypeName| {
            let mut sources = sources.iter();
            sources.any(|source| is_said_to_have(source, name, self.asker.policies))
        };
        known.iter().filter(is_said).map(compact_type).collect()
    }
}

fn nothing_of_type(grant: &TypeGrant) -> String {
    let denial = grant.denial().map(super::grants::DenialShown::of);
    let unmet = grant.unmet().first().map(|unmet| unmet.reason.in_words().to_owned());
    match (unmet, denial) {
        (Some(unmet), _) => format!("nothing of the type is granted: {unmet}"),
        (None, Some(denial)) => format!("nothing of the type is granted: {}", denial.reason),
        (None, None) => "nothing of the type is granted".to_owned(),
    }
}

fn class_in_words(class: Option<Class>) -> &'static str {
    class.map_or("unclassified", Class::as_str)
}

/// For people: a line for each name, and one for each thing that decided.
pub(super) fn write(f: &mut Formatter<'_>, names: &[JudgedName]) -> fmt::Result {
    if !names.is_empty() {
        writeln!(f, "\nnames:")?;
    }
    for judged in names {
        let word = if judged.granted { "yes" } else { "no" };
        let of = if judged.of_linked { " of linked entities" } else { "" };
        let JudgedName { name, kind, .. } = judged;
        writeln!(f, "  {kind} {name}{of} ({}): {word}", judged.parameters.join(", "))?;
        if judged.because.is_empty() {
            writeln!(f, "    nobody has it")?;
        }
        for because in &judged.because {
            write!(f, "    ")?;
            if !because.types.is_empty() {
                write!(f, "of {}, ", few(&because.types))?;
            }
            write!(f, "{}: {}, ", because.tenants.join(", "), because.class)?;
            match &because.reason {
                Some(reason) => writeln!(f, "{reason}")?,
                None => writeln!(f, "by {}", because.permits.join(", "))?,
            }
        }
        if let Some(near) = &judged.did_you_mean {
            writeln!(f, "    nobody names it; did you mean `{near}`?")?;
        }
    }
    Ok(())
}

fn few(types: &[String]) -> String {
    match types.get(..SHOWN_TYPES) {
        Some(first) if types.len() > SHOWN_TYPES => {
            format!("{} and {} more", first.join(", "), types.len() - first.len())
        }
        _ => types.join(", "),
    }
}
