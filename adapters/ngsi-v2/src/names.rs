//! Ids and names on their way between NGSI-v2 and the view. Every way leads back: one id of the view belongs to
//! one (type, id) of the source, one attribute name of the view to one of the source.

use std::borrow::Cow;
use std::sync::{Arc, PoisonError, RwLock};

use hashbrown::HashMap;
use ngsi_ld::context::{Context, escaped_name, push_escaped};
use ngsi_ld::{AttributeName, EntityId, TypeName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use kakehashi_contract::SelectedNames;

/// What ids of the view begin with when the source's own id is no URI.
const GENERATED: &str = "urn:ngsi-ld:";

/// What does not stand for itself in a generated id: everything but the unreserved characters of RFC 3986.
const ESCAPED_IN_IDS: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Members of an NGSI-LD entity or attribute that are no attributes (clauses 4.5 and 5.2). A source's attribute
/// or metadata of such a name gets its first character percent-encoded.
const RESERVED: &[&str] = &[
    "id",
    "type",
    "scope",
    "value",
    "object",
    "objectType",
    "objectList",
    "valueList",
    "languageMap",
    "lang",
    "vocab",
    "json",
    "valueType",
    "datasetId",
    "instanceId",
    "observedAt",
    "unitCode",
    "createdAt",
    "modifiedAt",
    "deletedAt",
    "expiresAt",
    "previousValue",
    "previousObject",
    "previousObjectList",
    "previousValueList",
    "previousLanguageMap",
    "previousVocab",
    "previousJson",
    "entity",
    "entityList",
];

/// Longest identifier of NGSI-v2, in characters.
const MAX_IDENTIFIER: usize = 256;

/// Whether a source can know something by this name. Others are refused by Orion with an error, which a
/// consumer must not see: what cannot exist is absent.
pub(super) fn is_identifier(text: &str) -> bool {
    (1..=MAX_IDENTIFIER).contains(&text.len()) && text.bytes().all(is_of_identifier)
}

const fn is_of_identifier(byte: u8) -> bool {
    byte.is_ascii_graphic()
        && !matches!(
            byte,
            b'<' | b'>' | b'"' | b'\'' | b'=' | b';' | b'(' | b')' | b'&' | b'?' | b'/' | b'#'
        )
}

/// The id in the view of an entity of the source.
pub(super) fn view_id(short_type: &str, raw: &str) -> EntityId {
    EntityId::parse(raw).unwrap_or_else(|_| generated_id(short_type, raw))
}

fn generated_id(short_type: &str, raw: &str) -> EntityId {
    let short_type = utf8_percent_encode(short_type, ESCAPED_IN_IDS);
    let raw = utf8_percent_encode(raw, ESCAPED_IN_IDS);
    EntityId::new_unchecked(compact_str::format_compact!("{GENERATED}{short_type}:{raw}"))
}

/// The source's id that would be shown as `view` for an entity of that type, where it is not `view` itself.
pub(super) fn generated_from<'v>(short_type: &str, view: &'v str) -> Option<Cow<'v, str>> {
    raw_behind(&generated_prefix(short_type), view)
}

/// The same for the type of that [`generated_prefix`].
pub(super) fn raw_behind<'v>(generated_prefix: &str, view: &'v str) -> Option<Cow<'v, str>> {
    let escaped = view.strip_prefix(generated_prefix)?;
    let raw = percent_decode_str(escaped).decode_utf8().ok()?;
    // What is a URI would be shown as it is; and what is not escaped as we do it was not made by us.
    let mut as_ours = utf8_percent_encode(&raw, ESCAPED_IN_IDS);
    let rest = as_ours.try_fold(escaped, |rest, part| rest.strip_prefix(part));
    let is_ours = rest.is_some_and(str::is_empty) && EntityId::parse(&raw).is_err();
    is_ours.then_some(raw)
}

/// The source's id that would be shown as `view` for an entity of whatever type, where it is not `view` itself.
pub(super) fn raw_of_generated(view: &str) -> Option<Cow<'_, str>> {
    let (escaped_type, _) = view.strip_prefix(GENERATED)?.split_once(':')?;
    let short_type = percent_decode_str(escaped_type).decode_utf8().ok()?;
    generated_from(&short_type, view)
}

/// What every id of the view that is not the source's own begins with, for entities of that type.
pub(super) fn generated_prefix(short_type: &str) -> String {
    format!("{GENERATED}{}:", utf8_percent_encode(short_type, ESCAPED_IN_IDS))
}

/// The id in the view of what a Relationship points to. NGSI-v2 does not say of which type that is.
pub(super) fn object_id(short_type: Option<&str>, raw: &str) -> EntityId {
    // Orion's own word for an entity whose type nobody has said.
    view_id(short_type.unwrap_or("Thing"), raw)
}

/// The name in the view of an attribute or metadata of a source: its own, with everything percent-encoded that a name of
/// the view cannot have (clause 4.6.2); `None` when no name can be made of it.
#[must_use]
pub fn view_name(context: &Context, raw: &str) -> Option<AttributeName> {
    let escaped = escape_name(raw);
    match context.expand_attribute(&escaped) {
        Ok(name) => Some(name),
        // The context gives the name no meaning, or one that no attribute can have.
        Err(_) => context.expand_attribute(&escape_first(&escaped)?).ok(),
    }
}

/// The source's name of an attribute of the view; `None` when the source can have no such attribute.
pub(super) fn raw_name(context: &Context, name: &AttributeName) -> Option<String> {
    let short = context.compact(name.as_str());
    let raw = percent_decode_str(&short).decode_utf8().ok()?;
    let leads_back = || view_name(context, &raw).is_some_and(|back| back == *name);
    (is_identifier(&raw) && leads_back()).then(|| raw.into_owned())
}

/// The name in the view of a type of a source: its own, with everything percent-encoded that a name of the view cannot have;
/// `None` when no name can be made of it.
#[must_use]
pub fn view_type(context: &Context, raw: &str) -> Option<TypeName> {
    let escaped = escaped_name(raw);
    match context.expand_type(&escaped) {
        Ok(name) => Some(name),
        Err(_) => context.expand_type(&escape_first(&escaped)?).ok(),
    }
}

/// The source's name of a type of the view; `None` when the source can have no such type.
pub(super) fn raw_type(context: &Context, name: &TypeName) -> Option<String> {
    let short = context.compact(name.as_str());
    // A comma parts types in a question.
    let is_name = |raw: &str| is_identifier(raw) && !raw.contains(',');
    if short.contains(':') {
        // An IRI, which the source has as it is.
        return is_name(&short).then(|| short.into_owned());
    }
    let raw = percent_decode_str(&short).decode_utf8().ok()?;
    let leads_back = || view_type(context, &raw).is_some_and(|back| back == *name);
    (is_name(&raw) && leads_back()).then(|| raw.into_owned())
}

/// The source's names of attributes, remembered: each question names the same few dozen.
#[derive(Debug, Default)]
pub(super) struct RawNames {
    known: RwLock<HashMap<AttributeName, Option<Arc<str>>>>,
    /// Values of parameters, by the selection that they stand for.
    lists: RwLock<HashMap<SelectedNames, Arc<str>>>,
}

impl RawNames {
    /// Names that are remembered. Consumers may ask for any name; beyond this many, new ones are worked out each
    /// time.
    const MAX: usize = 4096;

    /// Lists that are remembered: a grant needs one for each type, and a consumer's `attrs` one more.
    const MAX_LISTS: usize = 256;

    /// The list of these attributes as the source is asked for it: `write` makes it of their names in the source,
    /// once. Working it out for every question costs as much as translating a small answer.
    pub(super) fn list(
        &self,
        context: &Context,
        names: &SelectedNames,
        write: impl FnOnce(Vec<Arc<str>>) -> String,
    ) -> Arc<str> {
        if let Some(list) = self.lists.read().unwrap_or_else(PoisonError::into_inner).get(names) {
            return Arc::clone(list);
        }
        let list: Arc<str> = write(self.of(context, names)).into();
        let mut lists = self.lists.write().unwrap_or_else(PoisonError::into_inner);
        if lists.len() < Self::MAX_LISTS {
            lists.insert(names.clone(), Arc::clone(&list));
        }
        list
    }

    /// The source's names of these attributes, in their order, without those that it cannot have.
    pub(super) fn of(&self, context: &Context, names: &[AttributeName]) -> Vec<Arc<str>> {
        let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
        let mut raw_names = Vec::with_capacity(names.len());
        let mut new: Vec<(AttributeName, Option<Arc<str>>)> = Vec::new();
        for name in names {
            let raw = match known.get(name) {
                Some(raw) => raw.clone(),
                None => {
                    let raw = raw_name(context, name).map(Arc::from);
                    new.push((name.clone(), raw.clone()));
                    raw
                }
            };
            raw_names.extend(raw);
        }
        let room = Self::MAX.saturating_sub(known.len());
        drop(known);
        if !new.is_empty() && room > 0 {
            let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
            known.extend(new.into_iter().take(room));
        }
        raw_names
    }
}

/// The name of an attribute with everything percent-encoded that one of the view cannot have.
fn escape_name(raw: &str) -> Cow<'_, str> {
    match escaped_name(raw) {
        Cow::Borrowed(raw) if RESERVED.contains(&raw) => escape_first(raw).map_or(Cow::Borrowed(raw), Cow::Owned),
        escaped => escaped,
    }
}

/// The same name with its first character percent-encoded; `None` when it is so already.
fn escape_first(name: &str) -> Option<String> {
    let first = name.chars().next().filter(|first| *first != '%')?;
    let mut escaped = String::with_capacity(name.len() + 8);
    push_escaped(&mut escaped, first);
    escaped.push_str(name.get(first.len_utf8()..)?);
    Some(escaped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn ids_that_are_uris_stay_and_others_get_a_urn_that_leads_back() {
        assert_eq!(view_id("Room", "urn:ngsi-ld:Room:1").as_str(), "urn:ngsi-ld:Room:1");
        assert_eq!(view_id("Room", "Room1").as_str(), "urn:ngsi-ld:Room:Room1");
        assert_eq!(view_id("Room", "a%b:c").as_str(), "urn:ngsi-ld:Room:a%25b%3Ac");
        assert_eq!(
            generated_from("Room", "urn:ngsi-ld:Room:Room1").as_deref(),
            Some("Room1")
        );
        assert_eq!(generated_from("Hall", "urn:ngsi-ld:Room:Room1"), None);
        // Another way to write the same bytes is another id.
        assert_eq!(generated_from("Room", "urn:ngsi-ld:Room:%52oom1"), None);
        // The source would have shown this one as it is.
        assert_eq!(generated_from("Room", "urn:ngsi-ld:Room:urn%3Aa%3Ab"), None);
    }

    #[test]
    fn names_are_escaped_where_the_view_has_no_such_name() {
        let context = Context::core();
        let short = |raw: &str| {
            let name = view_name(context, raw).unwrap();
            assert_eq!(raw_name(context, &name).as_deref(), Some(raw));
            context.compact(name.as_str()).into_owned()
        };
        assert_eq!(short("temperature"), "temperature");
        assert_eq!(short("location"), "location");
        assert_eq!(short("wind-speed"), "wind%2Dspeed");
        assert_eq!(short("a.b"), "a%2Eb");
        assert_eq!(short("_x"), "%5Fx");
        assert_eq!(short("100%"), "%3100%25");
        assert_eq!(short("value"), "%76alue");
        assert_eq!(short("createdAt"), "%63reatedAt");
        assert_eq!(short("ngsi-ld:x"), "ngsi%2Dld%3Ax");
        assert_eq!(short("@id"), "%40id");
    }

    #[test]
    fn types_are_escaped_and_lead_back_as_names_do() {
        let context = Context::kakehashi();
        for (raw, shown) in [
            ("EvacuationSite", "EvacuationSite"),
            ("Air-Quality", "Air%2DQuality"),
            ("12345678", "%312345678"),
            ("a.b%2D", "a%2Eb%252D"),
            ("value", "value"),
        ] {
            let name = view_type(context, raw).unwrap();
            assert_eq!(context.compact(name.as_str()), shown);
            assert_eq!(raw_type(context, &name).as_deref(), Some(raw));
        }
        let iri = context.expand_type("urn:x:a").unwrap();
        assert_eq!(raw_type(context, &iri).as_deref(), Some("urn:x:a"));
        for shown in ["a%2Cb", "a%20b", "https://example.org/x", "%41ir"] {
            let name = context.expand_type(shown).unwrap();
            assert_eq!(raw_type(context, &name), None, "{shown}");
        }
    }

    #[test]
    fn names_that_the_source_cannot_have_lead_nowhere() {
        let context = Context::core();
        let name = |short: &str| context.expand_attribute(short).unwrap();
        assert_eq!(raw_name(context, &name("https://example.org/x")), None);
        assert_eq!(raw_name(context, &name("気温")), None);
        // `temperature` is shown as itself, so this is no name of an attribute.
        assert_eq!(raw_name(context, &name("%74emperature")), None);
    }

    proptest! {
        #[test]
        fn every_id_leads_back_to_its_entity(short_type in "[!-~]{1,8}", raw in "[ -~あ-ん]{1,12}") {
            let view = view_id(&short_type, &raw);
            prop_assert!(EntityId::parse(view.as_str()).is_ok());
            if view.as_str() != raw {
                let back = generated_from(&short_type, view.as_str());
                prop_assert_eq!(back.as_deref(), Some(raw.as_str()));
            }
        }

        #[test]
        fn every_name_leads_back(raw in "[!-~]{1,12}") {
            prop_assume!(is_identifier(&raw));
            for context in [Context::core(), Context::kakehashi()] {
                let name = view_name(context, &raw).unwrap();
                // Two terms of a context may stand for one IRI; then the context's first choice comes back.
                if raw.len() == 1 || context.compact(name.as_str()).contains('%') {
                    prop_assert_eq!(raw_name(context, &name), Some(raw.clone()));
                }
            }
        }
    }
}
