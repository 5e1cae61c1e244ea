//! One body of a platform as entities.

use kakehashi_resources::Held;
use ngsi_ld::{Entity, TypeName};

use super::mapping::{Mapping, TypeMapping};
use super::record::{
    DocumentPaths, Envelope, Finding, Findings, Projection, UnreadableBody, build_entity, read_document,
};
use crate::contract::AttributeSelection;

/// The records of one answer, as entities.
#[derive(Debug)]
pub(super) struct RecordPage {
    pub(super) entities: Vec<Entity>,
    pub(super) envelope: Envelope,
    /// What is counted of the entities for the request.
    pub(super) held: Option<Held>,
}

impl RecordPage {
    /// Whether every record is an entity.
    pub(super) fn is_complete(&self) -> bool {
        self.entities.len() == self.envelope.records
    }
}

/// Reads a body as `paths` describe it.
pub(super) fn read_records(
    mapping: &TypeMapping,
    paths: &DocumentPaths,
    projection: &Projection,
    body: &[u8],
    findings: &mut dyn Findings,
) -> Result<RecordPage, UnreadableBody> {
    let mut entities = Vec::new();
    let envelope = read_document(body, paths, &mapping.fields, &projection.wanted, &mut |fields| {
        entities.extend(build_entity(mapping, projection, fields, findings));
    })?;
    envelope.check(entities.len())?;
    Ok(RecordPage {
        entities,
        envelope,
        held: None,
    })
}

/// The entities of one type in an answer with many records, without system attributes. Records without an id
/// are left out. A type that the mapping does not have has none.
///
/// # Errors
/// [`UnreadableBody`]
pub fn translate_records(
    mapping: &Mapping,
    entity_type: &TypeName,
    attributes: &AttributeSelection,
    body: &[u8],
) -> Result<Vec<Entity>, UnreadableBody> {
    let Some(mapping) = mapping.type_mappings().iter().find(|one| one.name == *entity_type) else {
        return Ok(Vec::new());
    };
    let projection = Projection::new(mapping, attributes, false);
    let page = read_records(mapping, &mapping.documents, &projection, body, &mut Unheard)?;
    Ok(page.entities)
}

/// Nobody wants to know.
struct Unheard;

impl Findings for Unheard {
    fn note(&mut self, _: &str, _: Finding) {}
}
