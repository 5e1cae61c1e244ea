//! What the names of the gateway's own @context mean, in Japanese and in English: `ngsi-ld/contexts/meanings.toml`, of which
//! docs/data.md is made as well. It is part of the program, as that @context is, and anybody may read it.

use std::collections::HashMap;
use std::sync::LazyLock;

use ngsi_ld::context::Context;
use ngsi_ld::{AttributeName, TypeName};
use serde::{Deserialize, Serialize};

/// The file, as it is committed.
const MEANINGS: &str = include_str!("../../../ngsi-ld/contexts/meanings.toml");

/// What a name means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Meaning<'a> {
    /// Its Japanese name.
    pub ja: &'a str,
    /// What it says, in English.
    pub en: &'a str,
}

/// What the type means; `None`: it is none of the gateway's own @context.
#[must_use]
pub fn of_type(name: &TypeName) -> Option<Meaning<'static>> {
    of(&MEANT.types, name.as_str())
}

/// What the attribute means; `None`: it is none of the gateway's own @context.
#[must_use]
pub fn of_attribute(name: &AttributeName) -> Option<Meaning<'static>> {
    of(&MEANT.attributes, name.as_str())
}

/// The names that are described, by their names.
#[derive(Debug, Default, Deserialize)]
struct Meant {
    types: HashMap<String, Described>,
    attributes: HashMap<String, Described>,
}

#[derive(Debug, Deserialize)]
struct Described {
    ja: String,
    means: String,
}

/// A test reads the file, so that it can be read.
static MEANT: LazyLock<Meant> = LazyLock::new(|| toml::from_str(MEANINGS).unwrap_or_default());

fn of(described: &'static HashMap<String, Described>, iri: &str) -> Option<Meaning<'static>> {
    let context = Context::kakehashi();
    if !context.names(iri) {
        return None;
    }
    let Described { ja, means } = described.get(&*context.compact(iri))?;
    Some(Meaning { ja, en: means })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_the_gateways_own_context_have_both_languages() {
        let aed = Context::kakehashi().expand_type("AED").unwrap();
        assert_eq!(of_type(&aed).unwrap().ja, "AED設置場所");
        let location = Context::kakehashi().expand_attribute("location").unwrap();
        assert_eq!(of_attribute(&location).unwrap().en, "where it is");
        let elsewhere = Context::core().expand_type("AED").unwrap();
        assert_eq!(of_type(&elsewhere), None);
    }
}
