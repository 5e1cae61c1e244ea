//! Who may see what: Cedar evaluation, grants, narrowing and classification.
//!
//! A [`PolicyEngine`] is made once per revision from policies/. It turns (consumer, operation, tenant, type) into
//! a [`TypeGrant`], and the grants of one question to one source into a [`GrantSet`], which says what may be asked
//! for and removes from each answer whatever is not granted. It is pure: no I/O, no clock, and it knows no source.
//!
//! The rules, in the order in which they hold:
//!
//! 1. What no permit covers is denied; a forbid wins over every permit; an error in a policy denies.
//! 2. A type or an attribute classed personal or special-care is never granted, whatever a policy says.
//! 3. From a source that may hold personal data, what nobody has classified is denied.
//! 4. An attribute classed stricter than open is granted only by a permit that names it in `@attributes`.
//! 5. Pseudonymised is granted to the owner's own consumers alone; anonymised and person-related to others only by a
//!    permit that names the contract or the consent, which the consumer must have.
//! 6. Each permit counts on its own: an entity is visible if one covers it, with the attributes of all that do. A
//!    permit with `@q`, `@scope` or `@area` covers the entities that are so; one with `@purpose`, `@ial`, `@aal`,
//!    `@contract` or `@consent` applies to requests and consumers that are so.
//! 7. Of a Relationship to a person nothing is shown but, where the permit says so, that it exists.

// What outlives a request is spawned in `runtime` and nowhere else.
#![cfg_attr(not(test), warn(clippy::disallowed_methods))]

mod admission;
mod cedar_text;
mod classification;
mod classification_file;
mod comparing;
mod conditions;
mod engine;
mod entities;
mod escapes;
mod grant;
mod grant_set;
mod guarded_names;
mod holding;
mod ids_condition;
pub mod inspection;
mod name_from_outside;
mod namespaces;
mod operation;
mod permits;
mod policy_files;
mod policy_reading;
mod references;
mod request_context;
mod resting;
mod spelling;
mod targets;
mod unmet;
mod words;

use std::path::Path;

use kakehashi_core::diagnostics::Report;
use kakehashi_documents::files::Files;
use ngsi_ld::{Iri, TypeName};

pub use self::admission::References;
pub use self::classification::{Class, Classification};
pub use self::classification_file::{parse_classification, read_classification};
pub use self::comparing::{LookedAt, NamedOperations};
pub use self::conditions::{
    AreaCondition, FilterCondition, PermitConditions, Relationships, Restriction, ScopeCondition,
};
pub use self::engine::PolicyEngine;
pub use self::engine::Principals;
pub use self::grant::{Denial, Holds, PermitScope, PermittedAttributes, TypeGrant};
pub use self::grant_set::{GrantSet, Selection, Selections};
pub use self::ids_condition::IdsCondition;
pub use self::namespaces::PlaceOfId;
pub use self::operation::{Operation, OperationGroup};
pub use self::permits::KNOWN as ANNOTATIONS;
pub use self::permits::Narrowing;
pub use self::policy_reading::area_files_named;
pub use self::policy_reading::policy_path;
pub use self::references::Names;
pub use self::targets::MASKED_TARGET;
pub use self::unmet::{Unmet, UnmetPermit};
pub use self::words::{Meaning, why_nothing};

/// Whether a source may hold personal data (`personal_data` in tenants.toml).
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PersonalData {
    /// It may, which is the default: whatever is unclassified is denied.
    Present,
    /// Its owner declares that it holds none.
    None,
}

/// A type that nobody has named: whoever is granted it is granted every type that nobody has classified, where a source may hold
/// such.
#[must_use]
pub fn unnamed_type() -> TypeName {
    TypeName::new(Iri::new("urn:kakehashi:type:unnamed"))
}

/// Reads the policies of a revision; what is wrong goes to the report. What `earlier` has made of the same files is
/// taken over.
pub fn load(
    folder: &Path,
    names: &Names<'_>,
    classification: Classification,
    provided: Vec<TypeName>,
    files: &Files,
    earlier: Option<&PolicyEngine>,
    report: &Report,
) -> Option<PolicyEngine> {
    let known = earlier.map(PolicyEngine::policies);
    let policies = policy_files::read(folder, names, &classification, files, known, report)?;
    Some(PolicyEngine::new(policies, classification, provided, earlier))
}
