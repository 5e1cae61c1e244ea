//! What the operations of context provision do to one entity (clauses 5.5.8, 5.5.12, 5.6.2 to 5.6.5 and 5.6.17 to 5.6.20),
//! as a function of the entity as it is.
//!
//! It knows neither where the entity is held nor who changes it. `createdAt` and `modifiedAt` belong to whoever keeps the
//! entity: parts that stay as they are keep theirs.

mod check;
mod coerce;
mod instances;
mod laying;
mod members;
mod merging;
mod patch_json;
mod places;
#[cfg(test)]
mod tests;

use std::slice;

use compact_str::CompactString;
use hashbrown::HashSet;

use self::check::{check_attribute, check_counts, check_weight};
use self::laying::Laying;
use self::merging::Merging;
use crate::entity::parse::{AttributePatch, Fault, Fragment, RemovableMember};
use crate::entity::{Attribute, AttributeKind, DateTime};
use crate::{AttributeName, Entity, Iri, TypeName};

/// `scope`, as what was not updated is called where it is that (clause 5.2.19).
pub const SCOPE: &str = "https://uri.etsi.org/ngsi-ld/scope";

/// A change of one entity that exists.
#[derive(Debug, Clone, PartialEq)]
pub enum Update {
    /// Replace Entity (clause 5.6.18): everything that is there goes.
    Replace(Box<Entity>),
    /// Merge Entity (clause 5.6.17).
    Merge {
        /// What is merged.
        fragment: Fragment,
        /// The `observedAt` of attributes that have one and are not said a newer.
        observed_at: Option<DateTime>,
        /// The language of texts that stand for those of a LanguageProperty.
        lang: Option<CompactString>,
    },
    /// Append Attributes (clause 5.6.3), and what a Batch Update does to each entity (clause 5.6.9).
    Append {
        /// What is appended.
        fragment: Fragment,
        /// Whether instances that are there are replaced.
        overwrite: bool,
    },
    /// Update Attributes (clause 5.6.2), and what a Batch Upsert in its mode `update` does to each entity that is there.
    Attributes(Fragment),
    /// Partial Attribute Update (clause 5.6.4).
    Attribute(AttributePatch),
    /// Replace Attribute (clause 5.6.19): instances of it are replaced whole.
    ReplaceAttribute(AttributePatch),
    /// Delete Attribute (clause 5.6.5).
    DeleteAttribute {
        /// Of which name.
        name: AttributeName,
        /// Which of its instances.
        instances: Instances,
    },
    /// Delete Attribute of `scope` (clause 5.6.5).
    DeleteScope,
}

/// Instances of an attribute.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instances {
    /// The one without a `datasetId`.
    Default,
    /// The one with that `datasetId`.
    Of(Iri),
    /// All of them.
    All,
}

/// What became of an entity.
#[derive(Debug, Clone, PartialEq)]
pub struct Applied {
    /// As it is now.
    pub entity: Entity,
    /// Attributes that were changed, each once.
    pub updated: Vec<AttributeName>,
    /// Attributes that were left as they are, `scope` among them, and why.
    pub not_updated: Vec<NotUpdated>,
}

/// An attribute that was left as it is (clause 5.2.19).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotUpdated {
    /// Its name, or [`SCOPE`].
    pub attribute: AttributeName,
    /// Why.
    pub reason: LeftAsItIs,
}

/// Why a part of an entity was left as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LeftAsItIs {
    /// An instance is there, and the request overwrites nothing.
    #[error("it is there, and the request says noOverwrite")]
    IsThere,
    /// The entity has no scope that could be updated.
    #[error("the entity has no scope; append it")]
    NoScope,
}

/// Why nothing of an entity was changed. It holds no value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct NotApplied {
    /// The attribute that it is about, and those inside of it that lead there; none: the entity.
    pub path: Vec<AttributeName>,
    /// Why.
    pub why: WhyNot,
}

/// Why an attribute cannot be changed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WhyNot {
    /// There is none of that name.
    #[error("the entity has no such attribute")]
    NoAttribute,
    /// It has no such instance.
    #[error("the attribute has no instance with that datasetId, or no default instance where none is named")]
    NoInstance,
    /// It has no scope.
    #[error("the entity has no scope")]
    NoScope,
    /// It is of another kind, which this operation keeps.
    #[error(
        "it is a {}, and what was sent cannot become the value of one; send its `{}`, or replace the attribute (PUT)",
        .0.as_str(),
        .0.value_member()
    )]
    OtherKind(AttributeKind),
    /// A text for a LanguageProperty, and no language.
    #[error("it is a LanguageProperty: name the language of the text in the parameter lang")]
    NoLanguage,
    /// It is not there yet, and no value is sent.
    #[error("the entity has no such attribute yet, so that its value must be sent")]
    NoValue,
    /// It would have more types than this.
    #[error("the entity would have more than {0} types")]
    TooManyTypes(usize),
    /// It would have more scopes than this.
    #[error("the entity would have more than {0} scopes")]
    TooManyScopes(usize),
    /// It would be larger than this.
    #[error(
        "the entity would be larger than {0} bytes, as they are held in memory: delete what it need not have, or spread it over \
         several entities"
    )]
    TooLarge(usize),
    /// It would be no attribute, or no entity, of NGSI-LD.
    #[error(transparent)]
    Invalid(#[from] Fault),
}

impl WhyNot {
    /// Whether something that the request names is not there, rather than that what is sent does not fit.
    #[must_use]
    pub fn is_absence(&self) -> bool {
        matches!(self, Self::NoAttribute | Self::NoInstance | Self::NoScope)
    }

    fn of(self, name: &AttributeName) -> NotApplied {
        NotApplied {
            path: vec![name.clone()],
            why: self,
        }
    }
}

impl NotApplied {
    fn of_entity(why: impl Into<WhyNot>) -> Self {
        Self {
            path: Vec::new(),
            why: why.into(),
        }
    }

    /// The same, seen from the attribute around it.
    fn inside(mut self, name: &AttributeName) -> Self {
        self.path.insert(0, name.clone());
        self
    }
}

impl From<WhyNot> for NotApplied {
    fn from(why: WhyNot) -> Self {
        Self::of_entity(why)
    }
}

impl Update {
    /// The entity as it is once it is changed. The one that there is stays as it is.
    ///
    /// # Errors
    /// [`NotApplied`]: then nothing is changed.
    //= 5.5.8-1, 5.6.2.4-5
    pub fn apply(&self, existing: &Entity) -> Result<Applied, NotApplied> {
        let applied = match self {
            Self::Replace(entity) => Applied {
                entity: (**entity).clone(),
                updated: entity
                    .attributes
                    .iter()
                    .map(|attribute| attribute.name.clone())
                    .collect(),
                not_updated: Vec::new(),
            },
            Self::Merge {
                fragment,
                observed_at,
                lang,
            } => Merging {
                observed_at: observed_at.as_ref(),
                lang: lang.as_deref(),
            }
            .entity(existing, fragment)?,
            Self::Append { fragment, overwrite } => Laying::appending(*overwrite).entity(existing, fragment)?,
            Self::Attributes(fragment) => Laying::updating().entity(existing, fragment)?,
            Self::Attribute(patch) => instances::partly(existing, patch)?,
            Self::ReplaceAttribute(patch) => instances::replaced(existing, patch)?,
            Self::DeleteAttribute { name, instances } => instances::deleted(existing, name, instances)?,
            Self::DeleteScope => {
                if existing.scopes.is_empty() {
                    return Err(NotApplied::of_entity(WhyNot::NoScope));
                }
                let mut entity = existing.clone();
                entity.scopes.clear();
                Applied::of(entity, Vec::new())
            }
        };
        check_counts(&applied.entity)?;
        // What one body says whole is as large as that may be.
        if !matches!(self, Self::Replace(_)) {
            check_weight(existing, &applied.entity)?;
        }
        applied.check_attributes()?;
        Ok(applied)
    }

    /// Every attribute that it names, each once.
    pub fn attributes(&self) -> impl Iterator<Item = &AttributeName> {
        let of_entity: &[Attribute] = match self {
            Self::Replace(entity) => &entity.attributes,
            _ => &[],
        };
        let of_fragment: &[AttributePatch] = match self {
            Self::Merge { fragment, .. } | Self::Append { fragment, .. } | Self::Attributes(fragment) => {
                &fragment.attributes
            }
            Self::Attribute(patch) | Self::ReplaceAttribute(patch) => slice::from_ref(patch),
            _ => &[],
        };
        let named = match self {
            Self::DeleteAttribute { name, .. } => Some(name),
            _ => None,
        };
        let of_entity = of_entity.iter().map(|attribute| &attribute.name);
        let of_fragment = of_fragment.iter().map(|attribute| &attribute.name);
        of_entity.chain(of_fragment).chain(named)
    }

    /// Whether it replaces or removes what is there, whether it names it or not.
    #[must_use]
    pub fn covers_all(&self) -> bool {
        matches!(self, Self::Replace(_))
    }

    /// The types that it sends.
    #[must_use]
    pub fn types(&self) -> &[TypeName] {
        match self {
            Self::Replace(entity) => &entity.types,
            Self::Merge { fragment, .. } | Self::Append { fragment, .. } | Self::Attributes(fragment) => {
                &fragment.types
            }
            _ => &[],
        }
    }

    /// The scopes that it sends.
    #[must_use]
    pub fn scopes(&self) -> &[CompactString] {
        match self {
            Self::Replace(entity) => &entity.scopes,
            Self::Merge { fragment, .. } | Self::Append { fragment, .. } | Self::Attributes(fragment) => {
                fragment.scopes.as_deref().unwrap_or_default()
            }
            _ => &[],
        }
    }

    /// Whether it sets, adds or removes scopes of an entity that has some.
    #[must_use]
    pub fn changes_scopes(&self) -> bool {
        match self {
            Self::Replace(_) | Self::DeleteScope => true,
            Self::Merge { fragment, .. } | Self::Append { fragment, .. } | Self::Attributes(fragment) => {
                fragment.scopes.is_some() || fragment.removes(RemovableMember::Scope)
            }
            _ => false,
        }
    }
}

impl Applied {
    fn of(entity: Entity, updated: Vec<AttributeName>) -> Self {
        Self {
            entity,
            updated,
            not_updated: Vec::new(),
        }
    }

    /// Checks what was touched; the rest was checked when it came.
    fn check_attributes(&self) -> Result<(), NotApplied> {
        let updated: HashSet<&AttributeName> = self.updated.iter().collect();
        let touched = |attribute: &&Attribute| updated.contains(&attribute.name);
        let mut touched = self.entity.attributes.iter().filter(touched);
        touched.try_for_each(|attribute| check_attribute(attribute, true))
    }
}
