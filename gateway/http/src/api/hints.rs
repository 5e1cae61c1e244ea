//! Why a list may be empty. A hint is made of what the caller has asked and of the names that it is granted, once it is known
//! that it is shown nothing: no source is asked for it, and a name that is hidden from the caller is hinted at as one that
//! nobody has. What the sources hold is spoken of as a possibility.

use std::borrow::Borrow;
use std::collections::BTreeSet;
use std::fmt::{self, Display, Formatter};

use hashbrown::HashMap;
use kakehashi_adapters::Page;
use kakehashi_federation::Question;
use kakehashi_federation::granted_names::GrantedNames;
use kakehashi_federation::plan::Asker;
use ngsi_ld::context::Context;
use ngsi_ld::query::{Condition, Expression};
use ngsi_ld::{AttributeName, TypeName};

use super::mentioned::{Mentioned, MentionedName, Of};

/// Most hints with one answer: whoever has mended these asks again.
pub const MOST_HINTS: usize = 4;

/// Most characters that are shown of a name or a path, which is the caller's own text or an IRI that it is granted.
const MOST_SHOWN: usize = 80;

/// Below this likeness of two names (Jaro-Winkler, 0 to 1, capitals or not) a guess misleads: as for names in files.
const ALIKE: f64 = 0.75;

/// Why a list may be empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Hint {
    /// The page begins behind the last entity.
    BehindTheEnd {
        /// `offset`
        offset: usize,
        /// How many there are, where that is known.
        count: Option<u64>,
    },
    /// The caller's @context has another meaning of a name than the gateway's.
    OtherMeaning {
        /// Of a type, or of an attribute.
        kind: Kind,
        /// The name.
        name: String,
        /// What the caller's @context makes of it.
        there: String,
        /// What it is here.
        here: String,
    },
    /// A name that is none of those that the caller may be told of.
    UnknownName {
        /// Of a type, or of an attribute.
        kind: Kind,
        /// The name.
        name: String,
        /// Where it was mentioned.
        parameters: Vec<&'static str>,
        /// The nearest that the caller is granted.
        nearest: Option<String>,
    },
    /// The caller could state a purpose, and does not.
    NoPurpose,
    /// Only the store was asked.
    StoreAlone,
    /// The conditions may be met by nothing.
    NothingMeets {
        /// The parameters that have conditions.
        parameters: Vec<&'static str>,
        /// What the only condition looks at, where that is one of `q`; and whether it compares it with a value. The value is not
        /// said back: it may be anything.
        looks_at: Option<(String, bool)>,
    },
}

/// What a name is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Kind {
    /// The name of a type.
    Type,
    /// The name of an attribute.
    Attribute,
}

impl Display for Kind {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Type => "type",
            Self::Attribute => "attribute",
        })
    }
}

impl Display for Hint {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Self::BehindTheEnd { offset, count } => {
                match count {
                    Some(count) => write!(
                        f,
                        "`offset={offset}` leaves out the first {offset}, and there are {count} in all"
                    ),
                    None => write!(
                        f,
                        "`offset={offset}` leaves out the first {offset}, and there may be no more: it counts entities, not pages"
                    ),
                }
            }
            Self::OtherMeaning {
                kind: Kind::Type,
                name,
                there,
                here,
            } => write!(
                f,
                "your @context makes the type `{name}` to {there}; here it is {here}: write that IRI, or use the gateway's @context"
            ),
            Self::OtherMeaning {
                kind: Kind::Attribute,
                name,
                there,
                here,
            } => write!(
                f,
                "your @context makes the attribute `{name}` to {there}; here it is {here}: write that IRI, or use the gateway's @context"
            ),
            Self::UnknownName {
                kind,
                name,
                parameters,
                nearest,
            } => {
                let parameters = quoted(parameters);
                match (kind, nearest) {
                    (Kind::Type, Some(nearest)) => write!(
                        f,
                        "the type `{name}` ({parameters}) is none of those that are named to you here; did you mean `{nearest}`?"
                    ),
                    (Kind::Attribute, Some(nearest)) => write!(
                        f,
                        "the attribute `{name}` ({parameters}) is none of those that are named to you here; did you mean `{nearest}`?"
                    ),
                    (Kind::Type, None) => write!(
                        f,
                        "the type `{name}` ({parameters}) is none of those that are named to you here; GET /ngsi-ld/v1/types lists those that you may see entities of"
                    ),
                    (Kind::Attribute, None) => write!(
                        f,
                        "the attribute `{name}` ({parameters}) is none of those that are named to you here; look at an entity of the type, asked for without conditions"
                    ),
                }
            }
            Self::NoPurpose => f.write_str(
                "you state no purpose, and are registered with some: there may be more for one of them, in Kakehashi-Purpose",
            ),
            Self::StoreAlone => f.write_str("`local=true` asks the store alone: other sources may have what you ask for"),
            Self::NothingMeets { parameters, looks_at } => {
                let parameters = quoted(parameters);
                match looks_at {
                    Some((path, true)) => write!(
                        f,
                        "nothing that you may see meets {parameters}; it may be that no entity has such a value of `{path}`"
                    ),
                    Some((path, false)) => write!(
                        f,
                        "nothing that you may see meets {parameters}; it may be that no entity has `{path}`"
                    ),
                    None => write!(
                        f,
                        "nothing that you may see meets {parameters}; it may be that no entity meets all of it: try the conditions one at a time"
                    ),
                }
            }
        }
    }
}

fn quoted(parameters: &[&str]) -> String {
    let quoted: Vec<String> = parameters.iter().map(|name| format!("`{name}`")).collect();
    quoted.join(", ")
}

/// A list, or how it would be asked for.
#[derive(Debug, Clone, Copy)]
pub struct AskedList<'a> {
    /// The names that it mentions.
    pub mentioned: &'a [Mentioned],
    /// What is asked.
    pub question: &'a Question,
    /// Which part of the answer.
    pub page: Page,
    /// The request's @context.
    pub context: &'a Context,
    /// Who asks.
    pub asker: &'a Asker<'a>,
}

/// What is known of the answer.
#[derive(Debug, Clone, Copy, Default)]
pub struct Known {
    /// How many entities match in all.
    pub count: Option<u64>,
    /// Whether a part of it is missing, so that nothing can be said of what meets the conditions.
    pub is_incomplete: bool,
}

impl AskedList<'_> {
    /// Why it may be empty, what is sure before what is possible.
    #[must_use]
    pub fn hints(&self, known: Known) -> Vec<Hint> {
        let offset = self.page.offset;
        let mut hints = Vec::new();
        match known.count {
            // There is something, and not on this page.
            Some(count) if count > 0 => {
                let is_behind = u64::try_from(offset).is_ok_and(|offset| offset >= count);
                let count = Some(count);
                hints.extend(is_behind.then_some(Hint::BehindTheEnd { offset, count }));
                return hints;
            }
            None if offset > 0 => hints.push(Hint::BehindTheEnd { offset, count: None }),
            _ => {}
        }
        self.add_names(&mut hints);
        if hints.is_empty() && !known.is_incomplete {
            hints.extend(self.nothing_meets());
        }
        hints.extend(of_question(self.question, self.asker));
        hints.truncate(MOST_HINTS);
        hints
    }

    /// Adds what there is to say of names.
    fn add_names(&self, hints: &mut Vec<Hint>) {
        let Self {
            mentioned,
            question,
            context,
            asker,
            ..
        } = *self;
        let mut naming = Naming {
            granted: GrantedNames::of(asker, question.tenant.as_ref()),
            asker,
            context,
            asked: Vec::new(),
            attributes: HashMap::new(),
        };
        for one in mentioned {
            if let MentionedName::Type(name) = &one.name {
                let is_asked = one.parameters.contains(&"type");
                hints.extend(naming.of_type(name, is_asked, &one.parameters));
            }
        }
        if question.query.types.is_none() {
            naming.asked = asker.policies.known_types().to_vec();
        }
        let attributes = mentioned.iter().filter(|one| one.may_decide());
        for Mentioned { name, parameters } in attributes {
            if hints.len() >= MOST_HINTS {
                return;
            }
            if let MentionedName::Attribute(name, of) = name {
                hints.extend(naming.of_attribute(name, of, parameters));
            }
        }
    }

    fn nothing_meets(&self) -> Option<Hint> {
        let query = &self.question.query;
        let conditions = [
            ("q", query.filter.is_some()),
            ("georel", query.geo.is_some()),
            ("scopeQ", query.scope.is_some()),
            ("idPattern", query.id_pattern.is_some()),
            ("id", !query.ids.is_empty()),
        ];
        let given = conditions.into_iter().filter(|(_, is_given)| *is_given);
        let parameters: Vec<&str> = given.map(|(name, _)| name).collect();
        let looks_at = match (&query.filter, parameters.as_slice()) {
            (Some(Expression::Condition(condition)), [_]) => {
                let path = Expression::Condition(Condition {
                    path: condition.path.clone(),
                    comparison: None,
                });
                Some((shown(&path.to_text(self.context)), condition.comparison.is_some()))
            }
            _ => None,
        };
        (!parameters.is_empty()).then_some(Hint::NothingMeets { parameters, looks_at })
    }
}

/// What may be said of any question that finds nothing.
pub(super) fn of_question(question: &Question, asker: &Asker<'_>) -> Vec<Hint> {
    let consumer = asker.consumer;
    let states_none = consumer.purpose.is_none() && !consumer.purposes.is_empty();
    let said = [(Hint::NoPurpose, states_none), (Hint::StoreAlone, question.local)];
    said.into_iter()
        .filter_map(|(hint, holds)| holds.then_some(hint))
        .collect()
}

/// What may be said of a name that is not taken in: that it is one of the core @context, and the gateway's own has another
/// meaning of it. Both contexts are public, and nothing else is looked at.
pub(super) fn of_core_name(kind: Kind, iri: &str) -> Option<Hint> {
    let name = Context::core().compact(iri);
    let here = match kind {
        Kind::Type => Context::kakehashi().expand_type(&name).ok()?.as_str().to_owned(),
        Kind::Attribute => Context::kakehashi().expand_attribute(&name).ok()?.as_str().to_owned(),
    };
    (here != iri).then(|| Hint::OtherMeaning {
        kind,
        name: shown(&name),
        there: shown(iri),
        here: shown(&here),
    })
}

/// What is found out about the names of one question.
struct Naming<'a> {
    granted: GrantedNames<'a>,
    asker: &'a Asker<'a>,
    context: &'a Context,
    /// The types that the question is about, or would be if it were spelt well.
    asked: Vec<TypeName>,
    /// The attributes of what is looked at, once they are known; `None`: they cannot be said.
    attributes: HashMap<Of, Option<BTreeSet<AttributeName>>>,
}

impl Naming<'_> {
    fn of_type(&mut self, name: &TypeName, is_asked: bool, parameters: &[&'static str]) -> Option<Hint> {
        if self.granted.has_type(name)? {
            self.asked.extend(is_asked.then(|| name.clone()));
            return None;
        }
        let written = self.context.compact(name.as_str());
        let here = Context::kakehashi().expand_type(&written).ok();
        if let Some(here) = here.filter(|here| here != name)
            && self.granted.has_type(&here)?
        {
            let hint = self.other_meaning(Kind::Type, name.as_str(), here.as_str());
            self.asked.extend(is_asked.then_some(here));
            return Some(hint);
        }
        // The nearest that is granted, whatever else is near: what is not granted is not even looked at for long.
        let mut near: Vec<(f64, &TypeName)> = alike(name.as_str(), self.asker.policies.known_types());
        near.sort_by(|(one, _), (other, _)| other.total_cmp(one));
        let mut nearest = None;
        for (_, candidate) in near {
            if self.granted.has_type(candidate)? {
                nearest = Some(candidate);
                break;
            }
        }
        self.asked.extend(nearest.filter(|_| is_asked).cloned());
        let nearest = nearest.map(TypeName::as_str);
        Some(self.unknown(Kind::Type, name.as_str(), parameters, nearest))
    }

    fn of_attribute(&mut self, name: &AttributeName, of: &Of, parameters: &[&'static str]) -> Option<Hint> {
        if !self.attributes.contains_key(of) {
            let attributes = match of {
                Of::Asked => self.granted.attributes_of(&self.asked),
                Of::Linked(types) if types.is_empty() => self.granted.attributes_of(self.asker.policies.known_types()),
                Of::Linked(types) => self.granted.attributes_of(types),
            };
            // Of what nothing is granted nothing is said: its type was.
            let attributes = attributes.filter(|names| !names.is_empty());
            self.attributes.insert(of.clone(), attributes);
        }
        let known = self.attributes.get(of)?.as_ref()?;
        if known.contains(name) {
            return None;
        }
        let written = self.context.compact(name.as_str());
        let here = Context::kakehashi().expand_attribute(&written).ok();
        if let Some(here) = here.filter(|here| here != name && known.contains(here)) {
            return Some(self.other_meaning(Kind::Attribute, name.as_str(), here.as_str()));
        }
        let near = alike(name.as_str(), known);
        let nearest = near
            .into_iter()
            .reduce(|one, other| if other.0 > one.0 { other } else { one });
        let nearest = nearest.map(|(_, nearest)| nearest.as_str());
        Some(self.unknown(Kind::Attribute, name.as_str(), parameters, nearest))
    }

    fn other_meaning(&self, kind: Kind, there: &str, here: &str) -> Hint {
        Hint::OtherMeaning {
            kind,
            name: shown(&self.context.compact(there)),
            there: shown(there),
            here: shown(here),
        }
    }

    fn unknown(&self, kind: Kind, name: &str, parameters: &[&'static str], nearest: Option<&str>) -> Hint {
        Hint::UnknownName {
            kind,
            name: shown(&self.context.compact(name)),
            parameters: parameters.to_vec(),
            nearest: nearest.map(|nearest| shown(&self.context.compact(nearest))),
        }
    }
}

/// The names of which the last part is like that of another, with how much, in their order.
fn alike<'n, N>(name: &str, known: impl IntoIterator<Item = &'n N>) -> Vec<(f64, &'n N)>
where
    N: Borrow<str>,
{
    let name = last_part(name).to_lowercase();
    let likeness = |known: &'n N| {
        let known_name = last_part(known.borrow()).to_lowercase();
        (strsim::jaro_winkler(&name, &known_name), known)
    };
    let known = known.into_iter().map(likeness);
    known.filter(|(likeness, _)| *likeness >= ALIKE).collect()
}

/// The last part of an IRI, which is what people call it.
fn last_part(iri: &str) -> &str {
    iri.rsplit(['/', '#', ':']).next().unwrap_or(iri)
}

/// As much of a text as is shown.
fn shown(text: &str) -> String {
    match text.char_indices().nth(MOST_SHOWN) {
        Some((end, _)) => format!("{}...", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}
