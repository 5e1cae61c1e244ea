//! Decisions in words, for administrators: what a permit asks, why one does not apply, why nothing is granted.

use std::sync::Arc;

use ngsi_ld::query::{Area, Expression, ScopeQuery};

use super::admission::References;
use super::classification::Class;
use super::conditions::{PermitConditions, Relationships};
use super::grant::{Denial, TypeGrant};
use super::unmet::Unmet;

/// One condition of a permit.
pub struct Asked<'a> {
    /// In one sentence, as the owner has written it.
    pub words: String,
    /// What it means; `None`: what the sentence says.
    pub meaning: Option<Meaning<'a>>,
}

/// What decides, where the same words may mean different things, and different words the same.
pub enum Meaning<'a> {
    /// `@q`, as it holds for the type.
    Filter(&'a Expression),
    /// `@scope`
    Scope(&'a ScopeQuery),
    /// `@area`
    Area(&'a Arc<Area>),
}

impl PermitConditions {
    /// What is asked of an entity and of a request, one sentence each, as the owner has written it.
    #[must_use]
    pub fn in_words(&self) -> Vec<String> {
        self.asked().into_iter().map(|asked| asked.words).collect()
    }

    /// The same with what decides. Whoever adds a condition says here what it is compared by.
    pub fn asked(&self) -> Vec<Asked<'_>> {
        let Self {
            q,
            scope,
            area,
            ids,
            purposes,
            ial,
            aal,
            references,
            relationships,
        } = self;
        let mut all = Vec::new();
        let said = |words: String| Asked { words, meaning: None };
        all.extend(q.iter().map(|q| Asked {
            words: format!("entities with {}", q.text),
            meaning: Some(Meaning::Filter(&q.filter)),
        }));
        all.extend(scope.iter().map(|scope| Asked {
            words: format!("entities in the scope {}", scope.text),
            meaning: Some(Meaning::Scope(&scope.query)),
        }));
        all.extend(area.iter().map(|area| Asked {
            words: format!("entities within {}", area_in_words(&area.text)),
            meaning: Some(Meaning::Area(&area.area)),
        }));
        all.extend(ids.iter().map(|ids| said(format!("entities with ids {}", ids.text))));
        let any_of = |names: &[Arc<str>]| {
            let mut names: Vec<&str> = names.iter().map(AsRef::as_ref).collect();
            names.sort_unstable();
            names.dedup();
            names.join(" or ")
        };
        if !purposes.is_empty() {
            all.push(said(format!("for the purpose {}", any_of(purposes))));
        }
        all.extend(ial.map(|level| said(format!("with identity assurance {level} or higher"))));
        all.extend(aal.map(|level| said(format!("with authentication assurance {level} or higher"))));
        let References { contracts, consents } = references;
        if !contracts.is_empty() {
            all.push(said(format!("under the contract {}", any_of(contracts))));
        }
        if !consents.is_empty() {
            all.push(said(format!("with the consent {}", any_of(consents))));
        }
        if *relationships != Relationships::default() {
            let word = relationships.as_str();
            all.push(said(format!("with Relationships to what is hidden {word}")));
        }
        all
    }
}

/// The name of an area's file. GeoJSON that stands in the policy is as long as a boundary: its beginning tells it.
fn area_in_words(text: &str) -> String {
    const SHOWN: usize = 60;
    if text.trim_start().starts_with('{') && text.chars().count() > SHOWN {
        let beginning: String = text.chars().take(SHOWN).collect();
        return format!("{beginning}...");
    }
    text.to_owned()
}

impl Unmet {
    /// In one sentence.
    #[must_use]
    pub const fn in_words(self) -> &'static str {
        match self {
            Self::Purpose => "the request states no purpose that it asks for",
            Self::IdentityAssurance => "no token says that its holder was identified so surely",
            Self::AuthenticationAssurance => "no token says that its holder was authenticated so surely",
            Self::Contract => "the consumer has no contract that it names",
            Self::Consent => "the consumer has no consent that it names",
            Self::Class(Class::PersonRelated) => "the type is person-related, and it names no consent",
            Self::Class(Class::Anonymised) => "the type is anonymised, and it names no contract",
            Self::Class(_) => "the type is for its owner's own consumers alone",
            Self::HiddenAttribute => "it looks at an attribute that is neither open nor limited in this type",
        }
    }
}

impl Denial {
    /// In one sentence, without the policies that forbid.
    #[must_use]
    pub fn in_words(&self) -> String {
        match self {
            Self::Personal(class) => format!("the type is classed {class}, which no policy can grant"),
            Self::Guarded(Class::Pseudonymised) => {
                "the type is classed pseudonymised, which is for its owner's own consumers alone".to_owned()
            }
            Self::Guarded(class) => {
                format!("the type is classed {class}, and no permit with what that asks for applies to the consumer")
            }
            Self::Unclassified => "nobody has classified the type, and its source may hold personal data".to_owned(),
            Self::NoPolicies => "its owner has no policies".to_owned(),
            Self::NoPermit => "no permit covers it".to_owned(),
            Self::Forbidden(_) => "it is forbidden".to_owned(),
            Self::EvaluationError => "the policies cannot be evaluated, which denies".to_owned(),
        }
    }
}

/// Why nothing of a type is granted, with every policy that has to do with it.
pub fn why_nothing(grant: &TypeGrant) -> String {
    let mut words = match grant.denial() {
        Some(Denial::Forbidden(policies)) => format!("it is forbidden by {}", policies.join(" and ")),
        Some(denial) => denial.in_words(),
        None => Denial::NoPermit.in_words(),
    };
    for unmet in grant.unmet() {
        words = format!("{words}; not by {}: {}", unmet.policy, unmet.reason.in_words());
    }
    words
}
