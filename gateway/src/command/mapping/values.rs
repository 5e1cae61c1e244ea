//! What came out of a sample beside what was there, as a table.

use kakehashi_adapters::mapping::{Shown, TryReport};
use ngsi_ld::entity::render::{Rendering, render_entity};
use serde_json::Value;

use super::super::{output, table};

/// Stands for no value.
const NOTHING: &str = "-";

/// Prints it.
pub(super) fn show(rendering: &Rendering<'_>, report: &TryReport) {
    let heading =
        ["record", "attribute", "field", "there", "value"].map(|text| output::language().of(text).into_owned());
    let rows: Vec<Vec<String>> = report
        .shown
        .iter()
        .map(|shown| {
            let names: Vec<&str> = shown.fields.iter().map(|(name, _)| name.as_str()).collect();
            let there: Vec<&str> = shown.fields.iter().filter_map(|(_, text)| text.as_deref()).collect();
            vec![
                shown.record.to_string(),
                shown.attribute.clone(),
                names.join(", "),
                or_nothing(there.join(", ")),
                or_nothing(made(rendering, report, shown)),
            ]
        })
        .collect();
    for line in table::lines(&heading, &rows) {
        output::data(line);
    }
}

fn or_nothing(text: String) -> String {
    match text.is_empty() {
        true => NOTHING.to_owned(),
        false => text,
    }
}

/// What the attribute is in the entity of that record.
fn made(rendering: &Rendering<'_>, report: &TryReport, shown: &Shown) -> String {
    let of_record = |entity: &&ngsi_ld::Entity| shown.entity.as_ref() == Some(&entity.id);
    let Some(entity) = report.entities.iter().find(of_record) else {
        return String::new();
    };
    let mut json = Vec::new();
    render_entity(rendering, entity, &mut json);
    let entity: Value = serde_json::from_slice(&json).unwrap_or_default();
    let attribute = entity.get(&shown.attribute);
    let value = attribute.and_then(|attribute| ["value", "object"].iter().find_map(|member| attribute.get(member)));
    match value {
        None => String::new(),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.get("coordinates").unwrap_or(other).to_string(),
    }
}
