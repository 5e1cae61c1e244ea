//! Of which type the object of a Relationship is. NGSI-v2 says no more than its id, and where that is no URI its id in the view
//! begins with its type. It is decided by what is known of the source, and never by what a question is about.

use hashbrown::HashMap;

use super::ProvidedType;

/// What is known of the objects of a source's Relationships beside what each attribute says of itself.
#[derive(Debug, Clone, Default)]
pub struct ObjectTypes {
    /// Types as the source names them, by the attribute's name in the source.
    declared: HashMap<Box<str>, Box<str>>,
    provided: Box<[Box<str>]>,
}

impl ObjectTypes {
    /// Of a source with these types, with what was declared: attributes and the types of their objects, by their names in the
    /// source.
    #[must_use]
    pub fn new(provided: &[ProvidedType], declared: &[(Box<str>, Box<str>)]) -> Self {
        Self {
            declared: declared.iter().cloned().collect(),
            provided: provided.iter().map(|provided| provided.short.clone()).collect(),
        }
    }

    /// What was declared; else, by the custom of FIWARE's models, the type that the attribute is named after (`refBuilding`),
    /// where the source has that.
    pub(super) fn of(&self, attribute: &str) -> Option<&str> {
        if let Some(declared) = self.declared.get(attribute) {
            return Some(declared);
        }
        let referred = attribute.strip_prefix("ref")?;
        self.provided.iter().map(AsRef::as_ref).find(|short| *short == referred)
    }
}
