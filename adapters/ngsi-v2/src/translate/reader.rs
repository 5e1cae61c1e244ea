//! Reading the list and its entities.

use std::fmt;

use compact_str::CompactString;
use ngsi_ld::Entity;
use ngsi_ld::entity::{Attribute, DateTime, SystemAttributes};
use serde::de::{DeserializeSeed, Deserializer, Error, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;

use super::super::names::view_id;
use super::attribute::AttributeSeed;
use super::names::Names;
use super::strings::string_of;
use super::translator::{Text, TextSeed, Translator};
use super::{Noticed, TranslatedPage, TranslationContext};
use kakehashi_client::MOST_LISTED;
use kakehashi_contract::{Flaw, Yielded};

impl Translator<'_> {
    /// One entity; `None` when it is of a type that is not wanted.
    pub(super) fn read_entity(&mut self, text: &str) -> Result<Option<Yielded>, serde_json::Error> {
        let mut deserializer = serde_json::Deserializer::from_str(text);
        let entity = EntitySeed(self).deserialize(&mut deserializer)?;
        deserializer.end()?;
        Ok(entity)
    }
}

pub(super) fn read_page(text: &str, context: &TranslationContext) -> Result<TranslatedPage, serde_json::Error> {
    let mut translator = Translator::new(context);
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let page = deserializer.deserialize_seq(PageVisitor(&mut translator))?;
    deserializer.end()?;
    Ok(page)
}

struct PageVisitor<'t, 'c>(&'t mut Translator<'c>);

impl<'de> Visitor<'de> for PageVisitor<'_, '_> {
    type Value = TranslatedPage;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of entities")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<TranslatedPage, A::Error> {
        let mut page = TranslatedPage {
            yielded: Vec::new(),
            listed: 0,
            noticed: Noticed::default(),
        };
        while let Some(entity) = list.next_element_seed(EntitySeed(self.0))? {
            page.listed += 1;
            if page.listed > MOST_LISTED {
                // Whoever reads it again, element by element, says so.
                return Err(A::Error::custom("too many elements"));
            }
            page.yielded.extend(entity);
        }
        page.noticed = std::mem::take(&mut self.0.noticed);
        Ok(page)
    }
}

struct EntitySeed<'t, 'c>(&'t mut Translator<'c>);

impl<'de> DeserializeSeed<'de> for EntitySeed<'_, '_> {
    type Value = Option<Yielded>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

/// The builtin attribute that tells where in the source an entity stands.
const SERVICE_PATH: &str = "servicePath";

/// A member of an entity.
enum Member {
    Id,
    Type,
    Created,
    Modified,
    Expires,
    ServicePath,
    /// The attribute of that position in the table of names.
    Attribute(usize),
}

impl<'de> Visitor<'de> for EntitySeed<'_, '_> {
    type Value = Option<Yielded>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an entity")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        let translator = self.0;
        translator.names.restart();
        translator.flaw = None;
        let mut id: Option<Text<'de>> = None;
        let mut r#type: Option<Text<'de>> = None;
        let mut system = SystemAttributes::default();
        let mut scopes = Vec::new();
        let mut attributes = Vec::with_capacity(translator.attributes);
        let mut builtins = Builtins::default();
        while let Some(member) = map.next_key_seed(MemberSeed(&mut translator.names))? {
            let member = match member {
                // Asked for as a scope alone; otherwise a source's own attribute may be called so.
                Member::ServicePath if !translator.context.scopes => {
                    Member::Attribute(translator.names.position(SERVICE_PATH))
                }
                member => member,
            };
            if builtins.repeat(&member) {
                translator.flaw.get_or_insert(Flaw::DuplicateMember);
            }
            match member {
                Member::Id => id = Some(map.next_value_seed(TextSeed)?),
                Member::Type => r#type = Some(map.next_value_seed(TextSeed)?),
                Member::Created => {
                    if let Some(date) = builtin_date(&mut map, translator.context)? {
                        system.dates_mut().created_at = Some(date);
                    }
                }
                Member::Modified => {
                    if let Some(date) = builtin_date(&mut map, translator.context)? {
                        system.dates_mut().modified_at = Some(date);
                    }
                }
                Member::Expires => {
                    if let Some(date) = builtin_date(&mut map, translator.context)? {
                        system.dates_mut().expires_at = Some(date);
                    }
                }
                Member::ServicePath => scopes.extend(scope(&mut map)?),
                Member::Attribute(position) => {
                    let name = translator.names.get(position).filter(|name| name.selected);
                    let Some(name) = name.and_then(|name| name.view.clone()) else {
                        map.next_value::<IgnoredAny>()?;
                        continue;
                    };
                    if translator.names.repeats_attribute(position) {
                        translator.flaw.get_or_insert(Flaw::DuplicateMember);
                    }
                    let seed = AttributeSeed {
                        translator: &mut *translator,
                        position,
                    };
                    let instance = map.next_value_seed(seed)?;
                    translator.names.resume_after(position);
                    let is_shared = translator.names.get(position).is_some_and(|name| name.shared);
                    let is_repeated = is_shared && attributes.iter().any(|known: &Attribute| known.name == name);
                    if let Some(instance) = instance.filter(|_| !is_repeated) {
                        attributes.push(Attribute::new(name, instance));
                    }
                }
            }
        }
        translator.attributes = attributes.len();
        // NGSI-v2 gives an entity without a type this one.
        let short = r#type.as_deref().unwrap_or("Thing");
        let provided = translator
            .context
            .types
            .iter()
            .find(|provided| *provided.short == *short);
        let (id, provided) = match (id, provided) {
            (Some(id), Some(provided)) => (id, provided),
            // One of a type that nobody asked for.
            (_, None) if r#type.is_some() => return Ok(None),
            (None, _) => return Ok(Some(Yielded::LeftOut(Flaw::NoId))),
            (Some(_), None) => return Ok(Some(Yielded::LeftOut(Flaw::Malformed))),
        };
        if let Some(flaw) = translator.flaw {
            return Ok(Some(Yielded::LeftOut(flaw)));
        }
        let mut entity = Entity::new(view_id(short, &id), provided.name.clone());
        entity.system = system;
        entity.scopes = scopes.into();
        entity.attributes = attributes;
        Ok(Some(Yielded::Entity(entity)))
    }
}

/// Which members that are no attributes an entity has had, one bit each.
#[derive(Default)]
struct Builtins(u8);

impl Builtins {
    /// Notes a member. Whether it stands twice.
    fn repeat(&mut self, member: &Member) -> bool {
        let bit = match member {
            Member::Attribute(_) => return false,
            Member::Id => 1,
            Member::Type => 1 << 1,
            Member::Created => 1 << 2,
            Member::Modified => 1 << 3,
            Member::Expires => 1 << 4,
            Member::ServicePath => 1 << 5,
        };
        let is_repeated = self.0 & bit != 0;
        self.0 |= bit;
        is_repeated
    }
}

/// The date of a builtin attribute, if it is wanted and is one.
fn builtin_date<'de, A: MapAccess<'de>>(
    map: &mut A,
    context: &TranslationContext,
) -> Result<Option<DateTime>, A::Error> {
    #[derive(serde::Deserialize)]
    struct Builtin<'a> {
        #[serde(borrow)]
        value: Option<&'a RawValue>,
    }
    let builtin: Builtin<'de> = map.next_value()?;
    let text = builtin
        .value
        .filter(|_| context.system_attributes)
        .and_then(|raw| string_of(raw.get()));
    // Orion writes UTC.
    Ok(text.and_then(|text| DateTime::parse_lenient(&text, 0).ok()))
}

/// The scope that a service path is: a path of at least one level.
fn scope<'de, A: MapAccess<'de>>(map: &mut A) -> Result<Option<CompactString>, A::Error> {
    #[derive(serde::Deserialize)]
    struct Builtin<'a> {
        #[serde(borrow)]
        value: Option<&'a RawValue>,
    }
    let builtin: Builtin<'de> = map.next_value()?;
    let path = builtin.value.and_then(|raw| string_of(raw.get()));
    Ok(path
        .filter(|path| path.len() > 1 && path.starts_with('/'))
        .map(CompactString::from))
}

struct MemberSeed<'t, 'c>(&'t mut Names<'c>);

impl<'de> DeserializeSeed<'de> for MemberSeed<'_, '_> {
    type Value = Member;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Member, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for MemberSeed<'_, '_> {
    type Value = Member;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a name")
    }

    fn visit_str<E>(self, key: &str) -> Result<Member, E> {
        Ok(match key {
            "id" => Member::Id,
            "type" => Member::Type,
            "dateCreated" => Member::Created,
            "dateModified" => Member::Modified,
            "dateExpires" => Member::Expires,
            SERVICE_PATH => Member::ServicePath,
            _ => Member::Attribute(self.0.position(key)),
        })
    }
}
