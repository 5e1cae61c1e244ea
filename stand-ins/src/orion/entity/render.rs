//! Entities as bytes, in the four representations of NGSI-v2.

use std::fmt::Write as _;

use super::super::date;
use super::super::json::{Json, write_text};
use super::{Attribute, Entity};

/// How an entity is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum Representation {
    #[default]
    Normalized,
    KeyValues,
    Values,
    /// As `Values`, each value once.
    Unique,
}

/// What of an entity is shown, and how.
#[derive(Debug, Clone, Default)]
pub(crate) struct View {
    pub(crate) representation: Representation,
    /// `None`: all but the builtin ones.
    pub(crate) attributes: Option<Vec<String>>,
    /// `None`: all but the builtin ones.
    pub(crate) metadata: Option<Vec<String>>,
}

// === impl View ===

impl View {
    /// Appends the entity as this view shows it.
    pub(crate) fn write(&self, entity: &Entity, out: &mut Vec<u8>) {
        let ready = match (self.representation, &self.attributes, &self.metadata) {
            (Representation::Normalized, None, None) => Some(&entity.normalized),
            (Representation::KeyValues, None, _) => Some(&entity.key_values),
            _ => None,
        };
        match ready {
            Some(bytes) => out.extend_from_slice(bytes),
            None => out.extend_from_slice(self.rendered(entity).as_bytes()),
        }
    }

    fn rendered(&self, entity: &Entity) -> String {
        let shown = self.shown(entity);
        let mut out = String::new();
        match self.representation {
            Representation::Normalized => {
                open_entity(entity, &mut out);
                for (name, shown) in shown {
                    open_member(name, &mut out);
                    shown.write(self.metadata.as_deref(), &mut out);
                }
                out.push('}');
            }
            Representation::KeyValues => {
                open_entity(entity, &mut out);
                for (name, shown) in shown {
                    open_member(name, &mut out);
                    shown.value().write(&mut out);
                }
                out.push('}');
            }
            Representation::Values | Representation::Unique => {
                let mut values: Vec<Json> = Vec::new();
                for (_, shown) in shown {
                    let value = shown.value();
                    if self.representation == Representation::Values || !values.contains(&value) {
                        values.push(value);
                    }
                }
                Json::Array(values).write(&mut out);
            }
        }
        out
    }

    /// The members of `/attrs`.
    pub(crate) fn attributes_object(&self, entity: &Entity) -> String {
        let whole = self.rendered(entity);
        if matches!(self.representation, Representation::Values | Representation::Unique) {
            return whole;
        }
        let mut head = String::new();
        open_entity(entity, &mut head);
        let members = whole.strip_prefix(&head).unwrap_or("}");
        format!("{{{}", members.strip_prefix(',').unwrap_or(members))
    }

    fn shown<'e>(&'e self, entity: &'e Entity) -> Vec<(&'e str, Shown<'e>)> {
        let ordinary = || {
            entity
                .attributes
                .iter()
                // Shown only when it is asked for by name.
                .filter(|(name, _)| *name != "dateExpires")
                .map(|(name, attribute)| (name.as_str(), Shown::Attribute(attribute)))
        };
        let Some(wanted) = &self.attributes else {
            return ordinary().collect();
        };
        let mut shown = Vec::new();
        for name in wanted {
            match name.as_str() {
                "*" => shown.extend(ordinary()),
                "dateCreated" => shown.push(("dateCreated", Shown::Time(entity.created))),
                "dateModified" => shown.push(("dateModified", Shown::Time(entity.modified))),
                "servicePath" => shown.push(("servicePath", Shown::Text(&entity.path))),
                name => {
                    if let Some((name, attribute)) = entity.attributes.get_key_value(name) {
                        shown.push((name, Shown::Attribute(attribute)));
                    }
                }
            }
        }
        shown
    }
}

enum Shown<'e> {
    Attribute(&'e Attribute),
    Time(f64),
    Text(&'e str),
}

// === impl Shown ===

impl Shown<'_> {
    fn value(&self) -> Json {
        match self {
            Self::Attribute(attribute) => attribute.value.clone(),
            Self::Time(seconds) => Json::String(date::printed(*seconds)),
            Self::Text(text) => Json::String((*text).to_owned()),
        }
    }

    fn write(&self, metadata: Option<&[String]>, out: &mut String) {
        match self {
            Self::Attribute(attribute) => write_attribute(attribute, metadata, out),
            Self::Time(_) => write_builtin("DateTime", &self.value(), out),
            Self::Text(_) => write_builtin("Text", &self.value(), out),
        }
    }
}

/// The entity with all its attributes.
pub(crate) fn normalized(entity: &Entity) -> String {
    View::default().rendered(entity)
}

/// The entity with all its values.
pub(crate) fn key_values(entity: &Entity) -> String {
    let view = View {
        representation: Representation::KeyValues,
        ..View::default()
    };
    view.rendered(entity)
}

/// Appends one normalized attribute.
pub(crate) fn write_attribute(attribute: &Attribute, wanted: Option<&[String]>, out: &mut String) {
    out.push_str(r#"{"type":"#);
    write_text(&attribute.kind, out);
    out.push_str(r#","value":"#);
    attribute.value.write(out);
    out.push_str(r#","metadata":{"#);
    let start = out.len();
    let own_are_shown =
        |name: &str| wanted.is_none_or(|wanted| wanted.iter().any(|wanted| wanted == "*" || wanted == name));
    for (name, metadatum) in &attribute.metadata {
        if own_are_shown(name) {
            separate(start, out);
            write_metadatum(name, &metadatum.kind, &metadatum.value, out);
        }
    }
    // Builtin metadata comes after the attribute's own, whatever the order of the parameter.
    let times = [("dateCreated", attribute.created), ("dateModified", attribute.modified)];
    for (builtin, seconds) in times {
        if wanted.is_some_and(|wanted| wanted.iter().any(|name| name == builtin)) {
            separate(start, out);
            write_metadatum(builtin, "DateTime", &Json::String(date::printed(seconds)), out);
        }
    }
    out.push_str("}}");
}

fn separate(start: usize, out: &mut String) {
    if out.len() > start {
        out.push(',');
    }
}

fn write_metadatum(name: &str, kind: &str, value: &Json, out: &mut String) {
    write_text(name, out);
    let mut kind_text = String::new();
    write_text(kind, &mut kind_text);
    let _infallible = write!(out, r#":{{"type":{kind_text},"value":{value}}}"#);
}

fn write_builtin(kind: &str, value: &Json, out: &mut String) {
    let _infallible = write!(out, r#"{{"type":"{kind}","value":{value},"metadata":{{}}}}"#);
}

fn open_entity(entity: &Entity, out: &mut String) {
    out.push_str(r#"{"id":"#);
    write_text(&entity.id, out);
    out.push_str(r#","type":"#);
    write_text(&entity.kind, out);
}

fn open_member(name: &str, out: &mut String) {
    out.push(',');
    write_text(name, out);
    out.push(':');
}
