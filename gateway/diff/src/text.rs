//! A difference for people: whose data, who, what.

use std::fmt::{self, Display, Formatter};

use kakehashi_explain::grants::EVERYTHING;

use super::access::{Access, ENTITY, EVERY_OPEN};
use super::{ANY_TYPE, Change, Difference, Names};

/// Names that are shown of many.
const SHOWN: usize = 8;

impl Display for Difference {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut of = None;
        for change in &self.changes {
            let heading = (&change.tenants, &change.consumers);
            if of != Some(heading) {
                let space = if of.is_some() { "\n" } else { "" };
                writeln!(
                    f,
                    "{space}{} of {}:",
                    shown(&change.consumers, "consumers"),
                    shown(&change.tenants, "tenants")
                )?;
                of = Some(heading);
            }
            write_change(f, change)?;
        }
        if !self.is_any() {
            writeln!(f, "nobody gains or loses anything")?;
        }
        if !self.changes.is_empty() {
            writeln!(f)?;
        }
        if !self.otherwise.is_empty() {
            writeln!(f, "what else decides what is seen:")?;
            for change in &self.otherwise {
                writeln!(f, "  ! {change}")?;
            }
            writeln!(f)?;
        }
        if self.left_out > 0 {
            writeln!(f, "{} changes more are not shown", self.left_out)?;
        }
        let compared = &self.compared;
        write!(
            f,
            "compared: {} of {} tenants with changes, {} of {} consumers with changes",
            compared.changed_tenants, compared.tenants, compared.changed_consumers, compared.consumers
        )
    }
}

fn shown(names: &Names, what: &str) -> String {
    match names.names.get(..SHOWN) {
        Some(first) if names.count > SHOWN => {
            format!("{} and {} {what} more", first.join(", "), names.count - first.len())
        }
        _ => names.names.join(", "),
    }
}

fn write_change(f: &mut Formatter<'_>, change: &Change) -> fmt::Result {
    let named = |name: &String| match name.as_str() {
        ANY_TYPE => "any type that nobody has named".to_owned(),
        name => name.to_owned(),
    };
    let all: Vec<String> = change.types.iter().map(named).collect();
    let types = match all.get(..SHOWN) {
        Some(first) if all.len() > SHOWN => {
            format!("{} and {} types more", first.join(", "), all.len() - first.len())
        }
        _ => all.join(", "),
    };
    let beside = if change.beside_others {
        " (of entities that have it beside a type that a source provides)"
    } else {
        ""
    };
    let what = format!("{} {types}{beside}", change.operations.join(", "));
    for (sign, kept, accesses) in [("+", "it had before", &change.gained), ("-", "it keeps", &change.lost)] {
        for access in accesses {
            writeln!(f, "  {sign} {what}: {}", attributes(access))?;
            for condition in &access.conditions {
                writeln!(f, "      only {condition}")?;
            }
            for change in &access.changed {
                writeln!(f, "      {change}")?;
            }
            for except in &access.except {
                writeln!(f, "      {kept} some of it, only {}", except.join(" and "))?;
            }
        }
    }
    Ok(())
}

fn attributes(access: &Access) -> String {
    let named: Vec<&str> = access
        .attributes
        .iter()
        .map(String::as_str)
        .filter(|name| ![ENTITY, EVERY_OPEN, EVERYTHING].contains(name))
        .collect();
    let has = |name: &str| access.attributes.iter().any(|known| known == name);
    let mut parts = Vec::new();
    if has(EVERY_OPEN) {
        parts.push("every open attribute".to_owned());
    }
    match named.get(..SHOWN) {
        Some(first) if named.len() > SHOWN => {
            parts.push(format!("{} and {} more", first.join(", "), named.len() - first.len()));
        }
        _ if named.is_empty() => {}
        _ => parts.push(named.join(", ")),
    }
    if has(EVERYTHING) {
        parts.push("whatever nobody has classed".to_owned());
    }
    if parts.is_empty() {
        parts.push("the entities, without any attribute".to_owned());
    }
    parts.join(", ")
}
