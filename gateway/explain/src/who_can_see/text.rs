//! Who sees it, for people: who does first, then who does not.

use std::fmt::{self, Display, Formatter};

use super::{Consumers, NotSeen, Seen, Way};
use crate::grants::EVERYTHING;

/// Attributes that one permit names in its line.
const SHOWN_ATTRIBUTES: usize = 12;

impl Display for Seen {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if let Some(attribute) = &self.attribute {
            write!(f, "`{attribute}` of ")?;
        }
        write!(f, "`{}` of {}", self.r#type, self.tenant)?;
        if let Some(class) = self.class {
            write!(f, " ({class})")?;
        }
        let sources: Vec<String> = self
            .sources
            .iter()
            .map(|shown| format!("{} (personal data: {})", shown.source, shown.personal_data))
            .collect();
        match sources.as_slice() {
            [] => writeln!(f)?,
            sources => writeln!(f, ", in {}", sources.join(" and "))?,
        }
        match self.seen_by.as_slice() {
            [] => writeln!(f, "\nnobody sees it:")?,
            _ => writeln!(f, "\nseen by:")?,
        }
        for reason in &self.because {
            writeln!(f, "  {reason}")?;
        }
        for way in &self.seen_by {
            write_way(f, way, self.attribute.is_some())?;
        }
        if !self.not_seen_by.is_empty() && !self.seen_by.is_empty() {
            writeln!(f, "\nnot seen by:")?;
            for not_seen in &self.not_seen_by {
                write_not_seen(f, not_seen)?;
            }
        }
        if self.left_out > 0 {
            writeln!(f, "\n{} more are not shown", self.left_out)?;
        }
        for note in &self.notes {
            writeln!(f, "\nnote: {note}")?;
        }
        Ok(())
    }
}

fn write_way(f: &mut Formatter<'_>, way: &Way, of_attribute: bool) -> fmt::Result {
    write!(f, "  {}: {}", names(&way.consumers), way.operations.join(", "))?;
    if let Some(purposes) = &way.purposes {
        write!(f, "; for the purpose {}", purposes.join(" or "))?;
    }
    if way.only_identified {
        write!(f, "; with a token that says surely who its holder is")?;
    }
    if !way.sources.is_empty() {
        write!(f, "; in {}", way.sources.join(" and "))?;
    }
    writeln!(f)?;
    for permit in &way.permits {
        write!(f, "    by {}", permit.policy)?;
        if !of_attribute {
            let shown = match permit.attributes.get(..SHOWN_ATTRIBUTES) {
                Some(first) if permit.attributes.len() > SHOWN_ATTRIBUTES => {
                    format!(
                        "{} and {} more",
                        first.join(", "),
                        permit.attributes.len() - first.len()
                    )
                }
                _ => permit.attributes.join(", "),
            };
            match permit.attributes.as_slice() {
                [] => write!(f, ": no attribute, only ids and types")?,
                [only] if only == EVERYTHING => write!(f, ": whatever is not classed limited or stricter")?,
                _ => write!(f, ": {shown}")?,
            }
        }
        writeln!(f)?;
        for condition in &permit.conditions {
            writeln!(f, "      only {condition}")?;
        }
    }
    write_nobody(f, &way.consumers)
}

fn write_not_seen(f: &mut Formatter<'_>, not_seen: &NotSeen) -> fmt::Result {
    writeln!(
        f,
        "  {}: {}",
        names(&not_seen.consumers),
        not_seen.reasons.join("; or ")
    )?;
    write_nobody(f, &not_seen.consumers)
}

/// Those of them as which nobody can call.
fn write_nobody(f: &mut Formatter<'_>, consumers: &Consumers) -> fmt::Result {
    let mut nobody = consumers.nobody_calls_as.iter();
    nobody.try_for_each(|(consumer, why)| writeln!(f, "    {consumer}: {why}"))
}

fn names(consumers: &Consumers) -> String {
    let shown = consumers.names.join(", ");
    match consumers.count.saturating_sub(consumers.names.len()) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}
