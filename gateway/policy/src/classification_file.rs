//! Reading policies/classification.toml.

use std::path::Path;

use hashbrown::{HashMap, HashSet};
use kakehashi_core::diagnostics::{Place, Report, suggest};
use kakehashi_documents::document::parse as parse_document;
use kakehashi_documents::files::Files;
use kakehashi_documents::section::Section;
use kakehashi_documents::vocabulary::{expand_attribute, expand_type};
use ngsi_ld::{AttributeName, TypeName};

use super::classification::{AttributeClasses, Class, Classification, TypeEntry};

/// The file's name in the folder of policies.
const CLASSIFICATION: &str = "classification.toml";

const CLASSES: [(&str, Class); 7] = [
    (Class::Open.as_str(), Class::Open),
    (Class::Limited.as_str(), Class::Limited),
    (Class::PersonRelated.as_str(), Class::PersonRelated),
    (Class::Anonymised.as_str(), Class::Anonymised),
    (Class::Pseudonymised.as_str(), Class::Pseudonymised),
    (Class::Personal.as_str(), Class::Personal),
    (Class::SpecialCare.as_str(), Class::SpecialCare),
];

/// Reads the classification; an empty one when it cannot be read, which is reported.
pub fn read_classification(folder: &Path, files: &Files, report: &Report) -> Classification {
    let path = folder.join(CLASSIFICATION);
    let name = path.display().to_string();
    let text = match files.read(&path, &format!("policies/{CLASSIFICATION}")) {
        Ok(text) => text,
        Err(reason) => {
            let message = format!("{name} cannot be read: {reason}");
            report.error(
                &Place::Caller,
                message,
                "without it nobody knows what is personal".to_owned(),
            );
            return Classification::default();
        }
    };
    parse_classification(&name, &text, report)
}

/// Reads the classification from its text.
pub fn parse_classification(name: &str, text: &str, report: &Report) -> Classification {
    let Some(root) = parse_document(name, text, report) else {
        return Classification::default();
    };
    let top = Section::new(CLASSIFICATION, &root, report);
    let everywhere = top.node("attributes").map(|node| {
        let section = Section::new("[attributes]", node, report);
        read_classes(section, Scope::Everywhere)
    });
    let groups: HashMap<&str, AttributeClasses> = match top.node("groups") {
        None => HashMap::new(),
        Some(node) => {
            let section = Section::new("[groups]", node, report);
            let groups = section.entries().iter().map(|entry| {
                let group = Section::new(format!("[groups.{}]", entry.key), &entry.node, report);
                (entry.key.as_str(), read_classes(group, Scope::Type))
            });
            groups.collect()
        }
    };
    let mut types = Vec::new();
    let mut seen = HashSet::new();
    if let Some(node) = top.node("types") {
        let section = Section::new("[types]", node, report);
        for entry in section.entries() {
            let section = Section::new(format!("[types.{}]", entry.key), &entry.node, report);
            types.extend(read_type(&entry.key, &entry.key_place, section, &groups, &mut seen));
        }
    }
    let contacts = top.section("contacts").map(read_contacts);
    top.finish();
    Classification::new(everywhere.unwrap_or_default(), types, contacts.unwrap_or_default())
}

/// Reads `[contacts]`: the attributes in which a facility publishes how it is reached.
fn read_contacts(section: Section<'_>) -> HashSet<AttributeName> {
    let names = section.texts("attributes").unwrap_or_default();
    let names = names.into_iter().filter_map(|name| match expand_attribute(name.value) {
        Ok(expanded) => Some(expanded),
        Err(reason) => {
            section.report().error(name.place, reason, None);
            None
        }
    });
    let names = names.collect();
    section.finish();
    names
}

/// Where classes are said.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    /// Of every type, unless the type says otherwise.
    Everywhere,
    /// Of one type, or of those that include the group.
    Type,
}

/// Reads lists of attribute names by class.
fn read_classes(section: Section<'_>, scope: Scope) -> AttributeClasses {
    let report = section.report();
    let mut classes = AttributeClasses::default();
    for (word, class) in CLASSES {
        for name in section.texts(word).unwrap_or_default() {
            if scope == Scope::Everywhere && !class.is_guarded() {
                let message = format!("`{}` cannot be {class} in every type", name.value);
                let help = "what is open or limited depends on the type: put it in a group or a type".to_owned();
                report.error(name.place, message, help);
                continue;
            }
            let is_pattern = name.value.contains('*');
            if is_pattern && !class.is_guarded() {
                let message = format!("the pattern `{}` cannot be {class}", name.value);
                let help = "only names of the stricter classes are recognised by patterns".to_owned();
                report.error(name.place, message, help);
                continue;
            }
            match expand_attribute(name.value) {
                Ok(expanded) => classes.add(name.value, Some(expanded), class),
                // A guarded name is recognised by its spelling even where it cannot be a term.
                Err(_) if class.is_guarded() => classes.add(name.value, None, class),
                Err(reason) => report.error(name.place, reason, None),
            }
        }
    }
    section.finish();
    classes
}

type NamedType = (Vec<String>, Vec<TypeName>, TypeEntry);

fn read_type(
    name: &str,
    place: &Place,
    section: Section<'_>,
    groups: &HashMap<&str, AttributeClasses>,
    seen: &mut HashSet<TypeName>,
) -> Option<NamedType> {
    let report = section.report();
    if section.node("class").is_none() {
        section.missing("class", "\"open\"");
    }
    let class = section.choice("class", &CLASSES);
    let mut names = vec![name.to_owned()];
    let mut expanded = Vec::new();
    let is_guarded = class.is_some_and(Class::is_guarded);
    let mut add_name = |name: &str, place: &Place| match expand_type(name) {
        _ if name.contains('*') => {
            if !is_guarded {
                let message = format!("the pattern `{name}` cannot be the name of an open or a limited type");
                let help = "only names of the stricter classes are recognised by patterns".to_owned();
                report.error(place, message, help);
            }
        }
        Ok(r#type) if seen.insert(r#type.clone()) => expanded.push(r#type),
        // The later entry would silently make a personal type open.
        Ok(_) => report.error(place, format!("the type `{name}` is classified twice"), None),
        // A guarded name is recognised by its spelling even where it cannot be a term.
        Err(_) if is_guarded => {}
        Err(reason) => report.error(place, reason, None),
    };
    add_name(name, place);
    for alias in section.texts("aliases").unwrap_or_default() {
        add_name(alias.value, alias.place);
        names.push(alias.value.to_owned());
    }
    let mut attributes = AttributeClasses::default();
    for group in section.texts("groups").unwrap_or_default() {
        match groups.get(group.value) {
            Some(classes) => attributes.override_with(classes.clone()),
            None => {
                let message = format!("unknown group `{}` in {}", group.value, section.title());
                report.error(group.place, message, suggest(group.value, groups.keys().copied()));
            }
        }
    }
    if let Some(node) = section.node("attributes") {
        let own = Section::new(format!("[types.{name}.attributes]"), node, report);
        attributes.override_with(read_classes(own, Scope::Type));
    }
    section.finish();
    let entry = TypeEntry {
        class: class?,
        attributes,
    };
    Some((names, expanded, entry))
}
