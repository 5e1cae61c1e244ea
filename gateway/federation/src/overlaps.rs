//! Which sources may hold entities of the same ids, to be told to whoever configures them: over these a count has to read ids,
//! and what one finds the others are asked for.

use std::sync::Arc;

use ngsi_ld::TypeName;

use super::registered_source::RegisteredSource;

/// Sources of which each may share ids with another one of them, for some types.
#[derive(Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The types, in the order of their names.
    pub types: Vec<TypeName>,
    /// The sources, by their places.
    pub sources: Vec<usize>,
}

/// The overlaps of sources, for the types that somebody names.
#[must_use]
pub fn overlaps(sources: &[Arc<RegisteredSource>]) -> Vec<Overlap> {
    let provides = sources.iter().flat_map(|source| &source.provides);
    let mut types: Vec<&TypeName> = provides.filter_map(|one| one.r#type.as_ref()).collect();
    types.sort_unstable();
    types.dedup();
    let mut overlaps: Vec<Overlap> = Vec::new();
    for r#type in types {
        let of_type = std::slice::from_ref(r#type);
        let holding = sources.iter().enumerate();
        let holding: Vec<_> = holding.filter(|(_, source)| source.may_hold(r#type, &[])).collect();
        let shares = |(place, one): &&(usize, &Arc<RegisteredSource>)| {
            let mut others = holding.iter().filter(|(other, _)| other != place);
            others.any(|(_, other)| one.may_share_ids_with(of_type, other, of_type))
        };
        let found: Vec<usize> = holding.iter().filter(shares).map(|(place, _)| *place).collect();
        match overlaps.iter_mut().find(|earlier| earlier.sources == found) {
            _ if found.is_empty() => {}
            Some(same) => same.types.push(r#type.clone()),
            None => overlaps.push(Overlap {
                types: vec![r#type.clone()],
                sources: found,
            }),
        }
    }
    overlaps
}
