//! What a trial shows of the first records, for whoever wants to see values: what stood there, and which attribute it is for. And the
//! attributes that each record has to have.

use ngsi_ld::{Entity, EntityId};

use super::language::TypeMapping;
use super::record::{Content, Fields, Slot};

/// Records that are shown: enough to see whether columns are what they seem to be.
pub(super) const RECORDS_SHOWN: usize = 3;

/// An attribute of one of the first records, and the fields that it is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct Shown {
    /// The record, counted from 1 in the order of the sample.
    pub record: usize,
    /// The entity that was made of it; `None`: it was left out.
    pub entity: Option<EntityId>,
    /// The attribute, as the mapping names it.
    pub attribute: String,
    /// The fields, and what stood there; `None`: nothing.
    pub fields: Vec<(String, Option<String>)>,
}

/// The attributes of one record, in the order of the mapping.
pub(super) fn shown(mapping: &TypeMapping, record: usize, fields: &Fields<'_>, entity: Option<&Entity>) -> Vec<Shown> {
    let attributes = mapping.attributes.iter();
    let shown = attributes.map(|attribute| {
        let roots = attribute.value_slots().into_iter().flat_map(|slot| mapping.roots(slot));
        let fields = roots.map(|slot| (name_of(mapping, slot), fields.get(slot).map(text_of)));
        // Of several alternatives, those that are there.
        let mut fields: Vec<(String, Option<String>)> = fields.collect();
        if fields.iter().any(|(_, text)| text.is_some()) {
            fields.retain(|(_, text)| text.is_some());
        } else {
            fields.truncate(1);
        }
        Shown {
            record,
            entity: entity.map(|entity| entity.id.clone()),
            attribute: attribute.short_name.clone(),
            fields,
        }
    });
    shown.collect()
}

fn name_of(mapping: &TypeMapping, slot: Slot) -> String {
    let path = mapping.fields.path(slot);
    let used = mapping.uses.iter().find(|used| used.slot == slot);
    match (used, path) {
        (Some(used), _) => used.field.to_string(),
        (None, Some(path)) => match path.steps.as_slice() {
            [super::language::Step::Member(name)] => name.to_string(),
            _ => path.to_string(),
        },
        (None, None) => "@".to_owned(),
    }
}

fn text_of(content: &Content<'_>) -> String {
    match content {
        Content::Text(text) | Content::Number(text) => text.to_string(),
        Content::Boolean(boolean) => boolean.to_string(),
        // As people have written it, without the quotes of JSON.
        Content::Json(json) => serde_json::from_str::<String>(json).unwrap_or_else(|_| json.to_string()),
    }
}

/// Attributes that the mapping says each record has, and in how many it is not.
#[derive(Debug, Default)]
pub(super) struct Required(Vec<usize>);

impl Required {
    pub(super) fn of(mapping: &TypeMapping) -> Self {
        Self(vec![0; mapping.attributes.len()])
    }

    pub(super) fn look_at(&mut self, mapping: &TypeMapping, entity: &Entity) {
        for (attribute, absent) in mapping.attributes.iter().zip(&mut self.0) {
            let has = entity.attributes.iter().any(|one| one.name == attribute.name);
            *absent += usize::from(attribute.required.is_some() && !has);
        }
    }

    /// What is to be told: in how many of so many entities a required attribute is not.
    pub(super) fn told(&self, mapping: &TypeMapping, of: usize) -> Vec<Lacking> {
        let lacking = mapping
            .attributes
            .iter()
            .zip(&self.0)
            .filter(|(_, absent)| **absent > 0);
        lacking
            .filter_map(|(attribute, absent)| {
                let place = attribute.required.as_ref()?;
                let rule = format!("types.{}.attributes.{}", mapping.short_name, attribute.short_name);
                let told = match *absent == of {
                    true => format!("{place}: {rule}: is required, and in none of {of} entities"),
                    false => format!("{place}: {rule}: is required, and not in {absent} of {of} entities"),
                };
                Some(Lacking {
                    told,
                    is_in_none: *absent == of,
                })
            })
            .collect()
    }
}

/// An attribute that each entity has to have, and some have not.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lacking {
    /// Which, where, of how many.
    pub told: String,
    /// Whether none has it.
    pub is_in_none: bool,
}

#[cfg(test)]
mod tests {
    use ngsi_ld::context::Context;

    use crate::{Mapping, try_mapping, try_samples};

    #[test]
    fn what_is_required_and_not_there_is_told_and_what_stood_there_is_shown_beside() {
        let text = "[types.AED]\npath = \"/a\"\nrecords = \"$[*]\"\nid = \"urn:ngsi-ld:AED:{no}\"\nsample = \"s.json\"\n[types.AED.attributes]\n\
                    name = { field = \"namae\", required = true }\nremarks = { field = \"biko\", required = false }\n";
        let mapping = Mapping::parse(text, "x.toml", Context::kakehashi()).unwrap();
        let sample = br#"[{"no": 1, "namae": "a", "biko": 1}, {"no": 2, "namae": ""}, {"namae": "c"}]"#;
        let report = try_mapping(&mapping, None, sample);
        let told = report.told();
        let lacking = "x.toml:7:38: types.AED.attributes.name: is required, and not in 1 of 2 entities";
        assert!(told.iter().any(|one| one == lacking), "{told:?}");
        assert!(!told.iter().any(|one| one.contains("remarks: is required")), "{told:?}");
        let shown: Vec<String> = report
            .shown
            .iter()
            .map(|one| {
                format!(
                    "{} {} {:?} {}",
                    one.record,
                    one.attribute,
                    one.fields,
                    one.entity.is_some()
                )
            })
            .collect();
        assert_eq!(shown[0], "1 name [(\"namae\", Some(\"a\"))] true");
        assert_eq!(shown[3], "2 remarks [(\"biko\", None)] true");
        assert_eq!(shown[4], "3 name [(\"namae\", Some(\"c\"))] false");

        // `check` tells what no record has, with its place; what some have not is for whoever tries it.
        let checked = |sample: &str| try_samples(&mapping, &|_| Ok(sample.as_bytes().to_vec()));
        let none = checked(r#"[{"no": 1, "namae": "", "biko": "x"}]"#);
        let everywhere =
            "x.toml:7:38: types.AED.attributes.name: is required, and in none of 1 entities (tried on `s.json`)";
        assert!(none.iter().any(|one| one == everywhere), "{none:?}");
        let some = checked(r#"[{"no": 1, "namae": "", "biko": "x"}, {"no": 2, "namae": "b", "biko": "x"}]"#);
        assert!(some.is_empty(), "{some:?}");
    }
}
