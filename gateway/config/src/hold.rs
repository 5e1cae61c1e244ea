//! `hold`: for how long what is open of a source is kept in memory, and what of it that is. It follows from the classes of its
//! types and attributes by their names alone, never from what it holds.

use std::fmt;
use std::time::Duration;

use kakehashi_adapters::client::Credential;
use kakehashi_adapters::held::{HeldType, Holding, Others};
use kakehashi_adapters::kind::{Kind, Settings, Transport};
use kakehashi_adapters::{SelectedNames, SourceQuery};
use kakehashi_documents::section::Section;
use kakehashi_documents::vocabulary::{compact_attribute, compact_type};
use kakehashi_policy::{Class, Classification, PersonalData};
use ngsi_ld::{AttributeName, TypeName};

use super::Loading;
use super::provides::{ProvidedType, Provides};

/// The shortest hold: a source is read whole for it.
const SHORTEST: Duration = Duration::from_secs(1);

/// Attributes that are not kept, as far as they are named when somebody asks what is kept.
const MOST_NAMED: usize = 20;

/// What is kept of a source, and for how long.
#[derive(Debug, Clone, PartialEq)]
pub struct Hold {
    /// For how long.
    pub duration: Duration,
    /// What.
    pub holding: Holding,
    /// Provided types of which nothing is kept, and why.
    not_held: Vec<(String, &'static str)>,
    /// Attributes that the source makes and of which nothing is kept, and why.
    attributes_not_held: Vec<(String, &'static str)>,
}

/// What decides whether something of a source may be kept.
pub(crate) struct ReadSource<'a> {
    pub(crate) kind: Option<&'a dyn Kind>,
    pub(crate) settings: &'a dyn Settings,
    pub(crate) credential: Option<&'a Credential>,
    pub(crate) personal_data: PersonalData,
    pub(crate) provides: &'a [Provides],
}

/// Reads `hold` of a source. That it can have no effect, or nothing may be kept, is reported.
pub(crate) fn read(section: &Section<'_>, source: &ReadSource<'_>, loading: &Loading<'_>) -> Option<Hold> {
    let duration = section.duration("hold")?;
    let place = section.key_place("hold").unwrap_or(section.place());
    let refuse = |reason: String, help: &str| {
        let message = format!("`hold` in {} {reason}", section.title());
        loading.report.error(place, message, help.to_owned());
    };
    if duration < SHORTEST {
        let reason = "is too short: the source is read whole each time";
        refuse(reason.to_owned(), "write one second at least, such as `hold = \"60s\"`");
        return None;
    }
    if source.kind.is_some_and(|kind| kind.transport() == Transport::Local) {
        refuse(
            "has no effect: it is read on this machine, as fast as memory would be".to_owned(),
            "leave it out",
        );
        return None;
    }
    if matches!(source.credential, Some(Credential::PassThrough)) {
        let reason = "cannot be kept: the source is shown each consumer's own token, and may answer each otherwise";
        refuse(
            reason.to_owned(),
            "leave it out, or give the gateway a credential of its own",
        );
        return None;
    }
    let hold = Hold::of(duration, source, loading.classification);
    let makes_anything = source.personal_data == PersonalData::None
        && hold.holding.types().iter().any(|of_type| of_type.others == Others::Any);
    if makes_anything {
        let reason = "cannot be kept: with personal_data = \"none\" names that nobody has classified are shown, and which of \
                      them this source has is not known before";
        refuse(
            reason.to_owned(),
            "classify what it has in classification.toml and write personal_data = \"present\", or leave `hold` out",
        );
        return None;
    }
    if hold.holding.is_empty() {
        refuse(
            "keeps nothing: no type that the source provides by its name is open and has an open attribute".to_owned(),
            "only what is classed open in classification.toml is kept: leave it out, or class what is open",
        );
        return None;
    }
    Some(hold)
}

impl Hold {
    fn of(duration: Duration, source: &ReadSource<'_>, classification: &Classification) -> Self {
        let mut hold = Self {
            duration,
            holding: Holding::of(Vec::new()),
            not_held: Vec::new(),
            attributes_not_held: Vec::new(),
        };
        let mut types: Vec<HeldType> = Vec::new();
        for provides in source.provides {
            let ProvidedType::Type(name) = &provides.r#type else {
                hold.tell_type("*", "types are kept that are named one by one");
                continue;
            };
            if types.iter().any(|known| known.name == *name) {
                continue;
            }
            match classification.open_attributes(name) {
                Some(open) => types.push(hold.of_type(name, open, source, classification)),
                None => {
                    let class = classification.type_class(name).map_or("unclassified", Class::as_str);
                    hold.tell_type(&compact_type(name), class);
                }
            }
        }
        if let Some(made) = source.settings.made_types() {
            types.sort_by_key(|of_type| made.iter().position(|name| **name == of_type.name));
        }
        hold.holding = Holding::of(types);
        hold
    }

    /// What answers a question to the source, in words.
    #[must_use]
    pub fn what_answers(&self, query: &SourceQuery) -> String {
        if self.holding.answers(query) {
            let span = span(self.duration);
            format!("what is kept in memory for {span}; to keep it the source is asked")
        } else {
            "the source: of what is asked for not everything is kept in memory".to_owned()
        }
    }

    fn of_type(
        &mut self,
        name: &TypeName,
        open: &[AttributeName],
        source: &ReadSource<'_>,
        classification: &Classification,
    ) -> HeldType {
        let Some(made) = source.settings.made_attributes(name) else {
            return HeldType {
                name: name.clone(),
                attributes: SelectedNames::new(open.iter().cloned()),
                others: Others::Any,
            };
        };
        let class_of = |attribute: &AttributeName| classification.attribute_class(name, attribute);
        let is_open = |attribute: &&AttributeName| class_of(attribute) == Some(Class::Open);
        let (held, others): (Vec<&AttributeName>, Vec<&AttributeName>) = made.into_iter().partition(is_open);
        for other in &others {
            let title = format!("{} of {}", compact_attribute(other), compact_type(name));
            let class = class_of(other).map_or("unclassified", Class::as_str);
            if !self.attributes_not_held.iter().any(|(known, _)| *known == title) {
                self.attributes_not_held.push((title, class));
            }
        }
        HeldType {
            name: name.clone(),
            attributes: SelectedNames::new(held.into_iter().cloned()),
            others: Others::These(SelectedNames::new(others.into_iter().cloned())),
        }
    }

    fn tell_type(&mut self, title: &str, reason: &'static str) {
        if !self.not_held.iter().any(|(known, _)| known == title) {
            self.not_held.push((title.to_owned(), reason));
        }
    }
}

/// What is kept and what is not, in words.
impl fmt::Display for Hold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let held: Vec<String> = self.holding.types().iter().map(in_words).collect();
        write!(f, "keeps for {}: {}", span(self.duration), held.join(", "))?;
        let others = self.not_held.iter().chain(&self.attributes_not_held);
        let named: Vec<String> = others
            .clone()
            .take(MOST_NAMED)
            .map(|(title, reason)| format!("{title} ({reason})"))
            .collect();
        if !named.is_empty() {
            write!(f, "; not {}", named.join(", "))?;
        }
        match others.count().saturating_sub(MOST_NAMED) {
            0 => Ok(()),
            more => write!(f, " and {more} more"),
        }
    }
}

/// A time span as an administrator writes it.
fn span(duration: Duration) -> String {
    match (duration.as_secs(), duration.subsec_millis()) {
        (seconds, 0) if seconds.is_multiple_of(3600) => format!("{}h", seconds / 3600),
        (seconds, 0) if seconds.is_multiple_of(60) => format!("{}m", seconds / 60),
        (seconds, 0) => format!("{seconds}s"),
        _ => format!("{}ms", duration.as_millis()),
    }
}

fn in_words(of_type: &HeldType) -> String {
    let name = compact_type(&of_type.name);
    match (of_type.attributes.len(), &of_type.others) {
        (count, Others::These(others)) if others.is_empty() => format!("{name} (all {count} attributes)"),
        (count, Others::These(others)) => format!("{name} ({count} of {} attributes)", count + others.len()),
        (count, Others::Any) => format!("{name} (as far as it has them {count} attributes)"),
    }
}
