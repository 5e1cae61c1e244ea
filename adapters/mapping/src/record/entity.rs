//! Building an entity from the fields of a record.

use ngsi_ld::Entity;
use ngsi_ld::entity::{Attribute, Instance};

use super::fields::Fields;
use super::findings::{Finding, Findings};
use super::projection::Projection;
use super::value::Record;
use crate::language::{DateRule, TypeMapping};
use kakehashi_contract::Flaw;

/// Builds the entity of one record, or says why there is none.
pub fn build_entity(
    mapping: &TypeMapping,
    projection: &Projection,
    fields: Result<&Fields<'_>, Flaw>,
    findings: &mut dyn Findings,
) -> Result<Entity, Flaw> {
    let fields = fields.inspect_err(|flaw| findings.note("JSON", Finding::LeavesOut(*flaw)))?;
    let mut record = Record {
        mapping,
        fields,
        findings,
        last_date: None,
    };
    let Some(id) = record.id(&mapping.id) else {
        record.findings.note("id", Finding::LeavesOut(Flaw::NoId));
        return Err(Flaw::NoId);
    };
    let mut entity = Entity::new(id, projection.r#type.clone());
    if projection.system {
        entity.system = record.system();
    }
    entity.attributes.reserve_exact(projection.attributes.len());
    for (attribute, name) in projection
        .attributes
        .iter()
        .filter_map(|(place, name)| Some((mapping.attributes.get(*place)?, name)))
    {
        match record.value(&attribute.rule) {
            Ok(Some(value)) => {
                let own = |rule: DateRule| (mapping.observed_at != Some(rule)).then_some(attribute.short_name.as_str());
                let observed_at = attribute
                    .observed_at
                    .and_then(|rule| record.date(own(rule), "observed_at", rule));
                let instance = Instance {
                    unit_code: attribute.unit_code.clone(),
                    observed_at,
                    system: entity.system.clone(),
                    ..Instance::new(value)
                };
                entity.attributes.push(Attribute::new(name.clone(), instance));
            }
            Ok(None) => {}
            Err(finding) => {
                record.findings.note(&attribute.short_name, finding);
                if let Finding::LeavesOut(flaw) = finding {
                    return Err(flaw);
                }
            }
        }
    }
    Ok(entity)
}
