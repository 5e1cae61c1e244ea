//! One body of a platform as entities.

use kakehashi_resources::Held;
use ngsi_ld::{Entity, TypeName};

use super::language::{Mapping, TypeMapping};
use super::record::{
    DocumentPaths, Envelope, Finding, Findings, Gathered, Outside, Pass, Projection, UnreadableBody, build_entity,
    read_document, without_unreadable,
};
use kakehashi_contract::not_finite::with_numbers;
use kakehashi_contract::{AttributeSelection, Yielded};

/// The records of one answer, as entities.
#[derive(Debug)]
pub struct RecordPage {
    /// One for each record.
    pub yielded: Vec<Yielded>,
    /// What stood beside the records.
    pub envelope: Envelope,
    /// What is counted of the entities for the request.
    pub held: Option<Held>,
}

impl RecordPage {
    /// Whether every record is an entity.
    pub fn is_complete(&self) -> bool {
        self.entities() == self.envelope.records
    }

    fn entities(&self) -> usize {
        let is_entity = |yielded: &&Yielded| matches!(yielded, Yielded::Entity(_));
        self.yielded.iter().filter(is_entity).count()
    }
}

/// Reads a body as `paths` describe it. A record that is wrong costs itself, unless it cannot be told where records end.
pub fn read_records(
    mapping: &TypeMapping,
    paths: &DocumentPaths,
    outside: &Outside,
    projection: &Projection,
    body: &[u8],
    findings: &mut dyn Findings,
) -> Result<RecordPage, UnreadableBody> {
    let mut read = |body: &[u8], pass: Pass| {
        let mut yielded = Vec::new();
        let mut gathered = Gathered::of(mapping);
        let envelope = read_document(body, paths, mapping, outside, &projection.wanted, pass, &mut |fields| {
            match (build_entity(mapping, projection, fields, findings), &mut gathered) {
                (Ok(entity), Some(gathered)) => gathered.add(entity, findings),
                (built, _) => yielded.push(built.map_or_else(Yielded::LeftOut, Into::into)),
            }
        });
        match envelope {
            Ok(mut envelope) => {
                if let Some(gathered) = gathered {
                    yielded.extend(gathered.finish().into_iter().map(Into::into));
                    envelope.records = yielded.len();
                }
                Ok(RecordPage {
                    yielded,
                    envelope,
                    held: None,
                })
            }
            Err(error) => {
                findings.forget();
                Err(error)
            }
        }
    };
    let page = match read(body, Pass::Quick) {
        Err(UnreadableBody::Syntax { .. } | UnreadableBody::Encoding) => {
            let written = str::from_utf8(body).ok().and_then(with_numbers);
            let body = written.as_deref().map_or(body, str::as_bytes);
            match read(body, Pass::RecordByRecord) {
                Err(error @ (UnreadableBody::Syntax { .. } | UnreadableBody::Encoding)) => {
                    let mended = without_unreadable(body).ok_or(error)?;
                    read(&mended, Pass::Mended)?
                }
                page => page?,
            }
        }
        page => page?,
    };
    page.envelope.check(page.entities())?;
    Ok(page)
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
    let outside = Outside::default();
    let page = read_records(mapping, &mapping.documents, &outside, &projection, body, &mut Unheard)?;
    Ok(page.yielded.into_iter().filter_map(Yielded::entity).collect())
}

/// Nobody wants to know.
pub struct Unheard;

impl Findings for Unheard {
    fn note(&mut self, _: &str, _: Finding) {}

    fn forget(&mut self) {}
}
