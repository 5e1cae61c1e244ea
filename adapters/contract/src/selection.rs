//! Which attributes a source may be asked for.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::ops::Deref;
use std::sync::Arc;

use ngsi_ld::AttributeName;

/// Which attributes may be asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AttributeSelection {
    /// Every attribute that the source has.
    All,
    /// These and no others, in the order of names. Empty: none, only ids and types. Shared, because it goes with
    /// every question.
    Only(SelectedNames),
}

impl AttributeSelection {
    /// These and no others.
    #[must_use]
    pub fn only(names: impl IntoIterator<Item = AttributeName>) -> Self {
        Self::Only(SelectedNames::new(names))
    }

    /// Whether the attribute may be asked for.
    #[must_use]
    pub fn includes(&self, name: &AttributeName) -> bool {
        match self {
            Self::All => true,
            Self::Only(names) => names.binary_search(name).is_ok(),
        }
    }
}

/// Names in their order, each once, so that one is found without looking at all: grants have many, and each
/// attribute of an answer is looked up.
#[derive(Debug, Clone)]
pub struct SelectedNames(Arc<Selected>);

#[derive(Debug)]
struct Selected {
    names: Box<[AttributeName]>,
    /// Of all names. Selections are keys of what is remembered for them, and have thousands of bytes.
    digest: u64,
}

impl SelectedNames {
    /// These.
    #[must_use]
    pub fn new(names: impl IntoIterator<Item = AttributeName>) -> Self {
        let mut names: Vec<AttributeName> = names.into_iter().collect();
        names.sort_unstable();
        names.dedup();
        let mut hasher = DefaultHasher::new();
        names.hash(&mut hasher);
        Self(Arc::new(Selected {
            names: names.into(),
            digest: hasher.finish(),
        }))
    }
}

impl PartialEq for SelectedNames {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0) || (self.0.digest == other.0.digest && self.0.names == other.0.names)
    }
}

impl Eq for SelectedNames {}

impl Hash for SelectedNames {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.0.digest);
    }
}

impl Deref for SelectedNames {
    type Target = [AttributeName];

    fn deref(&self) -> &[AttributeName] {
        &self.0.names
    }
}
