//! Finding the records in a body in one pass: the paths of the records, of the total and of the next page are
//! followed at the same time, and everything beside them is skipped.

use std::borrow::Cow;
use std::fmt;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use smallvec::SmallVec;

use super::fields::{Content, Fields, Slot, WantedSlots};
use super::mended::NOTHING;
use super::origin::{Origin, Outside};
use super::tree::FieldTree;
use crate::language::{JsonPath, Step, TypeMapping};
use kakehashi_client::MOST_LISTED;
use kakehashi_contract::Flaw;

/// What a mapping looks for in a body.
#[derive(Debug, Clone)]
pub struct DocumentPaths {
    /// Where the records are.
    pub records: JsonPath,
    /// How many records there are in all pages.
    pub total: Option<JsonPath>,
    /// How many pages there are.
    pub pages: Option<JsonPath>,
    /// The link to the next page.
    pub next: Option<JsonPath>,
}

/// What stood in a body beside its records.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Envelope {
    /// The number of records in all pages, as declared.
    pub total: Option<u64>,
    /// The number of pages, as declared.
    pub pages: Option<u64>,
    /// The link to the next page.
    pub next: Option<String>,
    /// Records in this body, also those that cannot become entities.
    pub records: usize,
    /// Whether the records are the members of the whole body, an object. If none of them has an id, it is no
    /// list of records but an object that explains an error.
    pub is_bare_object: bool,
}

/// Why a body is none that the mapping describes. Holds no text of the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum UnreadableBody {
    /// Another encoding.
    #[error("not UTF-8")]
    Encoding,
    /// Not JSON.
    #[error("not JSON: the body breaks at line {line}, column {column}")]
    Syntax {
        /// The line, counted from 1.
        line: usize,
        /// The byte in that line, counted from 1.
        column: usize,
    },
    /// The beginning of JSON.
    #[error("the body ends too early")]
    CutOff,
    /// More records than one body may have.
    #[error("the body has more than {MOST_LISTED} records")]
    TooMany,
    /// JSON of another shape.
    #[error("JSON, but without the records that the mapping expects")]
    NoRecords,
}

impl From<&serde_json::Error> for UnreadableBody {
    fn from(error: &serde_json::Error) -> Self {
        if error.is_eof() {
            Self::CutOff
        } else {
            Self::Syntax {
                line: error.line(),
                column: error.column(),
            }
        }
    }
}

/// How the records of a body are read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pass {
    /// In one pass, in which a record that is wrong ends the reading. Nearly every body is read so.
    Quick,
    /// Each by itself, so that one that is wrong costs itself alone.
    RecordByRecord,
    /// The same, where nothing stands in the place of each record that could not be read.
    Mended,
}

/// Reads a body: hands each record's fields to `each`, and returns what stood beside the records.
pub fn read_document<'de>(
    body: &'de [u8],
    paths: &DocumentPaths,
    mapping: &TypeMapping,
    outside: &'de Outside,
    wanted: &WantedSlots,
    pass: Pass,
    each: &mut dyn FnMut(Result<&Fields<'de>, Flaw>),
) -> Result<Envelope, UnreadableBody> {
    let body = ngsi_ld::without_byte_order_mark(body);
    let text = simdutf8::basic::from_utf8(body).map_err(|_| UnreadableBody::Encoding)?;
    let tree = &mapping.fields;
    let mut beside = outside.beside(tree);
    beside.extend(of_the_document(text, mapping)?);
    beside.retain(|(slot, _)| wanted.includes(*slot));
    let followed = [
        Some(&paths.records),
        paths.total.as_ref(),
        paths.pages.as_ref(),
        paths.next.as_ref(),
    ];
    let mut reader = Reader {
        tree,
        wanted,
        fields: tree.empty_fields(),
        pass,
        each,
        values: [None; FOLLOWED],
        beside,
        named_by: named_by(tree, wanted),
        names: Vec::new(),
        records: 0,
        has_container: false,
    };
    let active = followed
        .into_iter()
        .enumerate()
        .filter_map(|(purpose, path)| {
            path.map(|path| Active {
                purpose,
                steps: &path.steps,
            })
        })
        .collect();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let seed = Follow {
        reader: &mut reader,
        active,
    };
    let read = seed.deserialize(&mut deserializer).and_then(|()| deserializer.end());
    if reader.records >= MOST_LISTED {
        return Err(UnreadableBody::TooMany);
    }
    read.map_err(|error| UnreadableBody::from(&error))?;
    if !reader.has_container {
        return Err(UnreadableBody::NoRecords);
    }
    let [_, total, pages, next] = reader.values;
    let is_bare_object = paths.records.steps.first() == Some(&Step::Each) && text.trim_start().starts_with('{');
    Ok(Envelope {
        total: total.and_then(whole_number),
        pages: pages.and_then(whole_number),
        next: next
            .and_then(|json| serde_json::from_str(json).ok())
            .filter(|link: &String| !link.is_empty()),
        records: reader.records,
        is_bare_object,
    })
}

/// What the fields hold that stand in the document, beside the records: it may come behind them.
fn of_the_document<'de>(text: &'de str, mapping: &TypeMapping) -> Result<Vec<(Slot, Content<'de>)>, UnreadableBody> {
    let in_document = |(slot, origin)| match origin {
        &Origin::Document(place) => Some((slot, place)),
        _ => None,
    };
    let slots: Vec<(Slot, Slot)> = mapping.fields.slots().filter_map(in_document).collect();
    if slots.is_empty() {
        return Ok(Vec::new());
    }
    let mut fields = mapping.document.empty_fields();
    let wanted = mapping.document.all_wanted();
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let read = mapping.document.record(&wanted, &mut fields).deserialize(&mut deserializer);
    read.map_err(|error| UnreadableBody::from(&error))?;
    let found = slots.into_iter();
    Ok(found.filter_map(|(slot, place)| Some((slot, fields.get(place)?.clone()))).collect())
}

/// The fields that hold a name under which the record stands, with how far out that name is.
fn named_by(tree: &FieldTree, wanted: &WantedSlots) -> Vec<(Slot, usize)> {
    let keys = tree.slots().filter_map(|(slot, origin)| match origin {
        Origin::Key(outwards) => Some((slot, *outwards)),
        _ => None,
    });
    keys.filter(|(slot, _)| wanted.includes(*slot)).collect()
}

impl Envelope {
    /// Refuses an object that explains an error in place of records.
    pub fn check(&self, entities: usize) -> Result<(), UnreadableBody> {
        if self.is_bare_object && entities == 0 {
            Err(UnreadableBody::NoRecords)
        } else {
            Ok(())
        }
    }
}

/// A whole number, written as a number or as a text.
fn whole_number(json: &str) -> Option<u64> {
    json.trim_matches('"').parse().ok()
}

/// Paths that are followed at once: records, total, pages, next.
const FOLLOWED: usize = 4;
/// The purpose that comes first among them.
const RECORDS: usize = 0;

struct Reader<'a, 'de> {
    tree: &'a FieldTree,
    wanted: &'a WantedSlots,
    fields: Fields<'de>,
    pass: Pass,
    each: &'a mut dyn FnMut(Result<&Fields<'de>, Flaw>),
    /// The JSON text found for each purpose but the records.
    values: [Option<&'de str>; FOLLOWED],
    /// What every record has from outside of it.
    beside: Vec<(Slot, Content<'de>)>,
    /// The fields that hold a name under which the record stands.
    named_by: Vec<(Slot, usize)>,
    /// The names of members that wildcards have led through to where the reading is, outside in.
    names: Vec<Cow<'de, str>>,
    records: usize,
    /// Whether the place of the records exists, even if it is empty. A body without it, such as an error that
    /// came with status 200, is not an empty answer.
    has_container: bool,
}

impl<'de> Reader<'_, 'de> {
    fn record<D: Deserializer<'de>>(&mut self, deserializer: D) -> Result<(), D::Error> {
        if self.records >= MOST_LISTED {
            return Err(serde::de::Error::custom("too many records"));
        }
        let is_named = !self.named_by.is_empty();
        let seed = self.tree.record(self.wanted, &mut self.fields);
        let read = match self.pass {
            Pass::Quick if is_named && !self.tree.has_root() => {
                let text = <&'de RawValue>::deserialize(deserializer)?.get();
                let mut alone = serde_json::Deserializer::from_str(text);
                seed.deserialize(&mut alone).map_err(serde::de::Error::custom)?;
                // An object that explains an error has members, too, and their names are no ids.
                match is_compound(text) {
                    true => Ok(()),
                    false => Err(Flaw::NoId),
                }
            }
            Pass::Quick => {
                seed.deserialize(deserializer)?;
                Ok(())
            }
            Pass::RecordByRecord | Pass::Mended => {
                let text = <&'de RawValue>::deserialize(deserializer)?.get();
                let mut alone = serde_json::Deserializer::from_str(text);
                match (self.pass, text) {
                    (Pass::Mended, NOTHING) => Err(Flaw::Malformed),
                    (_, text) if is_named && !self.tree.has_root() && !is_compound(text) => Err(Flaw::NoId),
                    _ => seed.deserialize(&mut alone).map_err(|_| Flaw::Malformed),
                }
            }
        };
        let read = read.and_then(|()| match self.fields.has_repeated() {
            true => Err(Flaw::DuplicateMember),
            false => Ok(()),
        });
        for (slot, content) in &self.beside {
            self.fields.set(*slot, content.clone());
        }
        for (slot, outwards) in &self.named_by {
            let place = self.names.len().checked_sub(outwards + 1);
            if let Some(name) = place.and_then(|place| self.names.get(place)) {
                self.fields.set(*slot, Content::Text(name.clone()));
            }
        }
        self.records += 1;
        self.has_container = true;
        (self.each)(read.map(|()| &self.fields));
        Ok(())
    }
}

/// Whether it is an object or a list.
fn is_compound(json: &str) -> bool {
    json.starts_with(['{', '['])
}

/// A path that has been followed so far, and the steps that remain.
#[derive(Clone, Copy)]
struct Active<'a> {
    purpose: usize,
    steps: &'a [Step],
}

type ActivePaths<'a> = SmallVec<[Active<'a>; FOLLOWED]>;

/// Reads one value to which some of the paths have led.
struct Follow<'r, 'a, 'de> {
    reader: &'r mut Reader<'a, 'de>,
    active: ActivePaths<'a>,
}

impl<'de> DeserializeSeed<'de> for Follow<'_, '_, 'de> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(mut self, deserializer: D) -> Result<(), D::Error> {
        let arrived: SmallVec<[usize; FOLLOWED]> = self
            .active
            .iter()
            .filter(|path| path.steps.is_empty())
            .map(|path| path.purpose)
            .collect();
        self.active.retain(|path| !path.steps.is_empty());
        match arrived.as_slice() {
            [] => deserializer.deserialize_any(self),
            [RECORDS] if self.active.is_empty() => self.reader.record(deserializer),
            purposes => {
                let json = <&'de RawValue>::deserialize(deserializer)?.get();
                for purpose in purposes {
                    if *purpose == RECORDS {
                        let mut again = serde_json::Deserializer::from_str(json);
                        self.reader.record(&mut again).map_err(serde::de::Error::custom)?;
                    } else if let Some(value) = self.reader.values.get_mut(*purpose) {
                        *value = Some(json);
                    }
                }
                if self.active.is_empty() {
                    return Ok(());
                }
                let mut again = serde_json::Deserializer::from_str(json);
                again.deserialize_any(self).map_err(serde::de::Error::custom)
            }
        }
    }
}

impl<'a> Follow<'_, 'a, '_> {
    /// Remembers that the records' place is here: a container that a wildcard looks into.
    fn note_container(&mut self) {
        let here = |path: &Active<'_>| path.purpose == RECORDS && path.steps.first() == Some(&Step::Each);
        if self.active.iter().any(here) {
            self.reader.has_container = true;
        }
    }

    /// The paths that go on through a child.
    fn through(&self, leads_there: impl Fn(&Step) -> bool) -> ActivePaths<'a> {
        self.active
            .iter()
            .filter_map(|path| {
                let (step, rest) = path.steps.split_first()?;
                leads_there(step).then_some(Active {
                    purpose: path.purpose,
                    steps: rest,
                })
            })
            .collect()
    }
}

impl<'de> Visitor<'de> for Follow<'_, '_, 'de> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any value")
    }

    fn visit_map<A: MapAccess<'de>>(mut self, mut map: A) -> Result<(), A::Error> {
        self.note_container();
        let leads_to_records = |path: &Active<'_>| path.purpose == RECORDS && path.steps.first() == Some(&Step::Each);
        let is_named = !self.reader.named_by.is_empty() && self.active.iter().any(leads_to_records);
        while let Some((active, name)) = map.next_key_seed(MemberKey(&self, is_named))? {
            if active.is_empty() {
                map.next_value::<IgnoredAny>()?;
                continue;
            }
            self.reader.names.extend(name);
            map.next_value_seed(Follow {
                reader: self.reader,
                active,
            })?;
            if is_named {
                self.reader.names.pop();
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(mut self, mut elements: A) -> Result<(), A::Error> {
        self.note_container();
        for index in 0.. {
            let active = self.through(|step| match step {
                Step::Element(place) => *place == index,
                Step::Each => true,
                // Refused when the mapping is read.
                Step::Member(_) | Step::Last(_) => false,
            });
            let read = if active.is_empty() {
                elements.next_element::<IgnoredAny>()?.map(|_| ())
            } else {
                elements.next_element_seed(Follow {
                    reader: self.reader,
                    active,
                })?
            };
            if read.is_none() {
                break;
            }
        }
        Ok(())
    }

    /// `null` for a list is an empty list.
    fn visit_unit<E>(mut self) -> Result<(), E> {
        self.note_container();
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }
}

/// Finds the paths that go on through a member, without copying its name, unless somebody wants to know it.
struct MemberKey<'k, 'r, 'a, 'de>(&'k Follow<'r, 'a, 'de>, bool);

impl<'a, 'de> DeserializeSeed<'de> for MemberKey<'_, '_, 'a, 'de> {
    type Value = (ActivePaths<'a>, Option<Cow<'de, str>>);

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'a, 'de> Visitor<'de> for MemberKey<'_, '_, 'a, 'de> {
    type Value = (ActivePaths<'a>, Option<Cow<'de, str>>);

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a member name")
    }

    fn visit_borrowed_str<E>(self, key: &'de str) -> Result<Self::Value, E> {
        Ok((through_member(self.0, key), self.1.then_some(Cow::Borrowed(key))))
    }

    fn visit_str<E>(self, key: &str) -> Result<Self::Value, E> {
        Ok((through_member(self.0, key), self.1.then(|| Cow::Owned(key.to_owned()))))
    }
}

fn through_member<'a>(follow: &Follow<'_, 'a, '_>, key: &str) -> ActivePaths<'a> {
    follow.through(|step| match step {
        Step::Member(name) => **name == *key,
        Step::Each => true,
        Step::Element(_) | Step::Last(_) => false,
    })
}
