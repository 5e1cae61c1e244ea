//! JSON merge patch (RFC 7396) of values, with the NGSI-LD Null for null (clauses 4.5.0 and 5.5.12). Values are texts and stay
//! such, so that each number keeps its digits. What is patched was checked when it was read: how deep it is, and that no
//! member stands twice.

use std::borrow::Cow;
use std::fmt;

use hashbrown::HashMap;
use serde::de::{Deserialize, MapAccess, Visitor};
use serde_json::value::RawValue;

use crate::entity::Json;
use crate::entity::parse::NGSI_LD_NULL;

/// What a value becomes when a patch is merged into it.
//= 5.5.12-2
pub(super) fn merged(target: &Json, patch: &Json) -> Json {
    let mut out = String::with_capacity(target.as_str().len().saturating_add(patch.as_str().len()));
    write_merged(Some(target.as_str()), patch.as_str(), &mut out);
    // What is put together from JSON texts is one; the patch serves if that were ever untrue.
    Json::parse(&out).unwrap_or_else(|_| patch.clone())
}

/// A patch that nothing is there for: its nulls remove nothing.
pub(super) fn without_nulls(patch: Json) -> Json {
    if !patch.as_str().contains(NGSI_LD_NULL) && !patch.as_str().contains('\\') {
        return patch;
    }
    let mut out = String::with_capacity(patch.as_str().len());
    write_merged(None, patch.as_str(), &mut out);
    Json::parse(&out).unwrap_or(patch)
}

fn write_merged(target: Option<&str>, patch: &str, out: &mut String) {
    let Some(patched) = Members::of(patch) else {
        out.push_str(patch);
        return;
    };
    let target = target.and_then(Members::of).unwrap_or_default();
    let by_name: HashMap<&str, &str> = patched.0.iter().map(|(name, value)| (&**name, *value)).collect();
    let mut seen = hashbrown::HashSet::new();
    let mut members = Separated::new(out);
    for (name, value) in &target.0 {
        seen.insert(&**name);
        match by_name.get(&**name) {
            None => members.next(name).push_str(value),
            Some(patch) if is_null(patch) => {}
            Some(patch) => write_merged(Some(value), patch, members.next(name)),
        }
    }
    for (name, value) in &patched.0 {
        if !seen.contains(&**name) && !is_null(value) {
            write_merged(None, value, members.next(name));
        }
    }
    out.push('}');
}

/// Writes the members of an object after each other.
struct Separated<'o> {
    out: &'o mut String,
    is_first: bool,
}

impl<'o> Separated<'o> {
    fn new(out: &'o mut String) -> Self {
        out.push('{');
        Self { out, is_first: true }
    }

    /// Writes the name of the next one, and says where its value goes.
    fn next(&mut self, name: &str) -> &mut String {
        if !std::mem::take(&mut self.is_first) {
            self.out.push(',');
        }
        // A text can always be written.
        self.out.push_str(&serde_json::to_string(name).unwrap_or_default());
        self.out.push(':');
        self.out
    }
}

/// Whether a JSON text is the NGSI-LD Null, however it is escaped.
fn is_null(json: &str) -> bool {
    json.starts_with('"') && serde_json::from_str::<Cow<'_, str>>(json).is_ok_and(|text| text == NGSI_LD_NULL)
}

/// The members of an object, in their order.
#[derive(Default)]
struct Members<'t>(Vec<(Cow<'t, str>, &'t str)>);

impl<'t> Members<'t> {
    /// Those of an object that is merged member by member; `None`: a value that is replaced whole, as are JSON-LD values
    /// with their types.
    fn of(json: &'t str) -> Option<Self> {
        if !json.starts_with('{') {
            return None;
        }
        let members: Self = serde_json::from_str(json).ok()?;
        members.0.iter().all(|(name, _)| name != "@value").then_some(members)
    }
}

impl<'de> Deserialize<'de> for Members<'de> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct MembersVisitor;
        impl<'de> Visitor<'de> for MembersVisitor {
            type Value = Members<'de>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Members<'de>, A::Error> {
                let mut members = Vec::new();
                while let Some((Name(name), value)) = map.next_entry::<Name<'de>, &'de RawValue>()? {
                    members.push((name, value.get()));
                }
                Ok(Members(members))
            }
        }
        deserializer.deserialize_map(MembersVisitor)
    }
}

/// The name of a member, borrowed where it has no escapes.
#[derive(serde::Deserialize)]
struct Name<'t>(#[serde(borrow)] Cow<'t, str>);
