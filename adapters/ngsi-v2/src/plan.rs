//! From a query of the view to requests of NGSI-v2, and what of the query they decide.

use std::borrow::Cow;
use std::sync::Arc;

use ngsi_ld::context::Context;
use ngsi_ld::query::IdPattern;
use ngsi_ld::{AttributeName, EntityId, TypeName};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};

use super::NgsiV2Settings;
use super::area::Area;
use super::branches::branches;
use super::filter::{Statements, is_plain, mentions_dates};
use super::ignored_places::{Beside, IgnoredPlaces};
use super::names::{RawNames, generated_prefix, is_identifier, raw_behind, raw_name};
use super::service_paths;
use super::translate::{IdleTables, ObjectTypes, ProvidedType, TranslationContext};
use kakehashi_contract::{AttributeSelection, Coverage, PushDown, SourceQuery};

/// What stands for itself in a query parameter: the unreserved characters of RFC 3986, and those of its
/// `sub-delims` that mean something to NGSI-v2 but nothing to a URL.
const ESCAPED_IN_PARAMETERS: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~')
    .remove(b',')
    .remove(b':')
    .remove(b';')
    .remove(b'*');

/// Orion always sends the attributes that are asked for, and has no way to ask for none: this builtin one is in
/// every entity, tells nothing about it but its age, and is dropped on arrival.
const NO_ATTRIBUTE: &str = "dateModified";

/// The builtin attributes behind `sysAttrs`.
const BUILTIN_DATES: [&str; 3] = ["dateCreated", "dateModified", "dateExpires"];

/// The builtin attribute that tells where in the source an entity stands.
const SERVICE_PATH: &str = "servicePath";

/// Bytes of a request as most are: of longer ones it grows.
const USUAL_REQUEST: usize = 256;

/// Bytes of ids in one request: with the rest of the URL below the 8 KiB that servers commonly accept.
const MAX_IDS: usize = 4096;

/// A type of the source, with what requests say of it. It is written once, when the adapter is made.
#[derive(Debug)]
pub(super) struct NamedType {
    provided: ProvidedType,
    /// Its name in the source, percent-encoded.
    escaped: Box<str>,
    /// What every id of the view that is not the source's own begins with, for its entities.
    generated_prefix: Box<str>,
}

impl NamedType {
    pub(super) fn of(provided: &ProvidedType) -> Self {
        Self {
            provided: provided.clone(),
            escaped: escaped_list([&*provided.short]).into(),
            generated_prefix: generated_prefix(&provided.short).into(),
        }
    }

    /// The least that can be asked about it: one entity, without an attribute.
    pub(super) fn one_entity(&self) -> String {
        one_entity_of(&self.escaped)
    }

    /// Its name in the view.
    pub(super) fn name(&self) -> &TypeName {
        &self.provided.name
    }

    /// Its name in the source, percent-encoded.
    pub(super) fn escaped(&self) -> &str {
        &self.escaped
    }

    /// The source's id of what the view shows by this one, where that is another.
    fn generated_from<'v>(&self, view: &'v EntityId) -> Option<Cow<'v, str>> {
        raw_behind(&self.generated_prefix, view.as_str())
    }
}

/// The least that can be asked about types, as a parameter names them: one entity, without an attribute.
pub(super) fn one_entity_of(types: &str) -> String {
    format!("/v2/entities?type={types}&attrs={NO_ATTRIBUTE}&limit=1")
}

/// What a source is asked.
#[derive(Debug)]
pub(super) struct Plan {
    /// Path and parameters of each request, without `limit` and `offset`. Empty: the source cannot have what is
    /// asked for.
    pub(super) requests: Vec<String>,
    /// Whether several requests may bring the same entity, each once.
    pub(super) are_alternatives: bool,
    /// Whether nothing of an entity is wanted but that it is there.
    pub(super) shows_no_attribute: bool,
    /// Whether the requests have a geo-query.
    pub(super) has_geo_query: bool,
    /// What is asked for beside a geo-query.
    pub(super) beside: Option<Beside>,
    /// What is known of the places that the source ignores.
    pub(super) ignored_places: Arc<IgnoredPlaces>,
    /// `Fiware-ServicePath`, where it is narrower than that of the settings.
    pub(super) service_paths: Option<String>,
    /// How the answers are to be read.
    pub(super) translation: Arc<TranslationContext>,
    /// What the requests decide.
    pub(super) push_down: PushDown,
    /// Whether every entity of the types is asked for, whatever it is like and wherever it stands.
    pub(super) is_whole: bool,
}

/// What an adapter knows of its source beside its settings.
#[derive(Debug)]
pub(super) struct Known<'a> {
    pub(super) types: &'a [NamedType],
    pub(super) raw_names: &'a RawNames,
    pub(super) object_types: &'a Arc<ObjectTypes>,
    pub(super) tables: &'a Arc<IdleTables>,
    pub(super) ignored_places: &'a Arc<IgnoredPlaces>,
}

impl Plan {
    pub(super) fn of(query: &SourceQuery, is_united: bool, settings: &NgsiV2Settings, known: &Known<'_>) -> Self {
        let is_wanted = |named: &&NamedType| query.types.contains(&named.provided.name);
        let types: Vec<&NamedType> = known.types.iter().filter(is_wanted).collect();
        // Several entities of the source that are one in the view: of one that a condition leaves out, a part would be
        // missing, and what none of them meets alone they may meet together.
        let is_whole = !is_united;
        let mut alternatives = match query.filter.as_ref().filter(|_| is_whole) {
            None => vec![Statements::default()],
            Some(filter) => branches(&settings.context, filter),
        };
        if !query.ids.is_empty() && alternatives.len() > 1 {
            // Of entities whose ids are known there are few, and one request brings them.
            alternatives = vec![Statements::default()];
        }
        let filter = match (&query.filter, alternatives.iter().all(Statements::is_empty)) {
            (None, _) => Coverage::Exact,
            (Some(_), true) => Coverage::None,
            (Some(_), false) => Coverage::Narrows,
        };
        let any_attribute = match query.any_attribute.as_slice() {
            [] => Coverage::Exact,
            // Orion counts a null value as existing.
            [only] if is_whole && add_existence(&mut alternatives, &settings.context, only) => Coverage::Narrows,
            _ => Coverage::None,
        };
        // Of entities whose ids are known there are few. An attribute that the source cannot have is in no entity, so nothing
        // is gained by asking where it is; and of one whose name means something else in `mq` it could not be asked which
        // places are ignored.
        let place = query.geo.as_deref().filter(|_| is_whole && query.ids.is_empty());
        let place = place.and_then(|geo| {
            let raw = raw_name(&settings.context, &geo.property).filter(|raw| is_plain(raw))?;
            Some((raw, Area::of(geo)?))
        });
        let geo = match (&query.geo, &place) {
            (None, _) => Coverage::Exact,
            (Some(_), None) => Coverage::None,
            (Some(_), Some(_)) => Coverage::Narrows,
        };
        let ids = Ids::of(&query.ids, &types);
        let selection = match () {
            () if ids.are_unambiguous && ids.chunks.len() <= 1 && is_whole => Coverage::Exact,
            () => Coverage::Narrows,
        };
        let pattern = query.id_pattern.as_ref();
        let sent_pattern = pattern.filter(|pattern| query.ids.is_empty() && is_found_in_source(pattern, &types));
        let id_pattern = match (pattern, sent_pattern) {
            (None, _) => Coverage::Exact,
            (Some(_), None) => Coverage::None,
            // What is no URI is found by its own beginning, and shown by another.
            (Some(_), Some(_)) => Coverage::Narrows,
        };

        let service_paths = query
            .scope
            .as_ref()
            .filter(|_| is_whole && settings.scope_from_servicepath)
            .and_then(|scope| service_paths::within(&settings.fiware_servicepath, scope));
        let scope = match (&query.scope, &service_paths) {
            (None, _) => Coverage::Exact,
            (Some(_), None) => Coverage::None,
            (Some(_), Some(_)) => Coverage::Narrows,
        };
        let is_nowhere = service_paths.as_ref().is_some_and(Vec::is_empty);

        let system_attributes = query.system_attributes || query.filter.as_deref().is_some_and(mentions_dates);
        let mut parameters = Parameters::new();
        parameters.add_escaped("type", types.iter().map(|named| &*named.escaped));
        if let Some(pattern) = sent_pattern {
            parameters.add("idPattern", [pattern.as_str()]);
        }
        let with_attributes = |mut parameters: Parameters| {
            let selection = &query.attributes;
            add_attributes(&mut parameters, selection, system_attributes, settings, known.raw_names);
            parameters
        };
        let (mut requests, mut beside) = (Vec::new(), None);
        if !types.is_empty() && !is_nowhere {
            let mut asked = parameters.clone();
            if let Some((_, area)) = &place {
                asked.add("georel", [area.georel.as_str()]);
                asked.add("geometry", [area.geometry]);
                asked.add("coords", [area.coords.as_str()]);
            }
            let asked = with_attributes(asked);
            let of_alternative = |statements: &Statements| ids.requests(&asked.with(statements));
            requests.extend(alternatives.iter().flat_map(of_alternative));
            beside = place.as_ref().and_then(|(raw, _)| {
                let mut of: Vec<&str> = types.iter().map(|named| &*named.provided.short).collect();
                of.extend(service_paths.iter().flatten().map(String::as_str));
                known
                    .ignored_places
                    .beside(&of, raw, sent_pattern.is_some(), requests.len())
            });
            if let (Some(_), Some((raw, _))) = (&beside, &place) {
                let ignored = Statements::of_ignored_place(raw);
                requests.push(with_attributes(parameters).with(&ignored).0);
            }
        }
        Self {
            requests,
            shows_no_attribute: matches!(&query.attributes, AttributeSelection::Only(names) if names.is_empty()),
            has_geo_query: place.is_some(),
            are_alternatives: alternatives.len() > 1 || beside.is_some(),
            beside,
            ignored_places: Arc::clone(known.ignored_places),
            is_whole: is_of_types_alone(query),
            service_paths: service_paths.map(|paths| paths.join(",")),
            translation: Arc::new(TranslationContext {
                context: Arc::clone(&settings.context),
                // Copies of their own, for the reason that `translate` gives for names of attributes.
                types: types.iter().map(|named| named.provided.clone().unshared()).collect(),
                attributes: query.attributes.clone(),
                system_attributes,
                scopes: settings.scope_from_servicepath,
                object_types: Arc::clone(known.object_types),
                tables: Arc::clone(known.tables),
            }),
            push_down: PushDown {
                selection,
                id_pattern,
                any_attribute,
                filter,
                geo,
                scope,
            },
        }
    }
}

/// Whether a query has no condition but the types.
fn is_of_types_alone(query: &SourceQuery) -> bool {
    query.ids.is_empty()
        && query.id_pattern.is_none()
        && query.any_attribute.is_empty()
        && query.filter.is_none()
        && query.geo.is_none()
        && query.scope.is_none()
}

/// Whether every alternative asks for the existence of an attribute.
fn add_existence(alternatives: &mut [Statements], context: &Context, name: &AttributeName) -> bool {
    alternatives
        .iter_mut()
        .all(|statements| statements.add_existence(context, name))
}

/// `attrs`, and `metadata` where builtin ones are wanted. A selection is always sent.
fn add_attributes(
    parameters: &mut Parameters,
    selection: &AttributeSelection,
    system_attributes: bool,
    settings: &NgsiV2Settings,
    raw_names: &RawNames,
) {
    let dates = BUILTIN_DATES.into_iter().filter(|_| system_attributes);
    let path = [SERVICE_PATH].into_iter().filter(|_| settings.scope_from_servicepath);
    let has_builtin = system_attributes || settings.scope_from_servicepath;
    let builtin = dates.chain(path);
    match selection {
        AttributeSelection::All if has_builtin => parameters.add("attrs", builtin.chain(["*"])),
        AttributeSelection::All => {}
        AttributeSelection::Only(names) => {
            let list = raw_names.list(&settings.context, names, |mut raw| {
                // A comma would ask for two attributes, neither of which was granted.
                raw.retain(|raw| !raw.contains(',') && **raw != *"*");
                escaped_list(raw.iter().map(|raw| &**raw))
            });
            if list.is_empty() && !has_builtin {
                parameters.add("attrs", [NO_ATTRIBUTE]);
            } else {
                parameters.add_list("attrs", &list, builtin);
            }
        }
    }
    if system_attributes {
        parameters.add("metadata", ["dateCreated", "dateModified", "*"]);
    }
}

/// Whether the pattern finds in the source whatever it finds in the view: it is the plain beginning of ids, and no generated
/// id can begin like that.
fn is_found_in_source(pattern: &IdPattern, types: &[&NamedType]) -> bool {
    let Some(beginning) = pattern.as_str().strip_prefix('^') else {
        return false;
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b':' | b'-' | b'_');
    beginning.bytes().all(is_plain)
        && types.iter().all(|named| {
            let generated = &*named.generated_prefix;
            !generated.starts_with(beginning) && !beginning.starts_with(generated)
        })
}

/// Parameters, percent-encoded.
#[derive(Clone)]
struct Parameters(String);

impl Parameters {
    fn new() -> Self {
        let mut path = String::with_capacity(USUAL_REQUEST);
        path.push_str("/v2/entities");
        Self(path)
    }

    /// The same, and what must hold.
    fn with(&self, statements: &Statements) -> Self {
        let mut parameters = self.clone();
        for (name, all) in [("q", &statements.q), ("mq", &statements.mq)] {
            if !all.is_empty() {
                parameters.add(name, [all.join(";").as_str()]);
            }
        }
        parameters
    }

    fn add<'v>(&mut self, name: &str, values: impl IntoIterator<Item = &'v str>) {
        self.add_list(name, "", values);
    }

    /// Adds a list of what is escaped already.
    fn add_escaped<'v>(&mut self, name: &str, escaped: impl IntoIterator<Item = &'v str>) {
        self.begin(name);
        for (place, value) in escaped.into_iter().enumerate() {
            if place > 0 {
                self.0.push(',');
            }
            self.0.push_str(value);
        }
    }

    fn begin(&mut self, name: &str) {
        self.0.push(if self.0.contains('?') { '&' } else { '?' });
        self.0.push_str(name);
        self.0.push('=');
    }

    /// Adds a list that begins with what is escaped already.
    fn add_list<'v>(&mut self, name: &str, escaped: &str, more: impl IntoIterator<Item = &'v str>) {
        self.begin(name);
        self.0.push_str(escaped);
        extend_list(&mut self.0, escaped.is_empty(), more);
    }
}

/// Values of a list, percent-encoded.
fn escaped_list<'v>(values: impl IntoIterator<Item = &'v str>) -> String {
    let mut list = String::new();
    extend_list(&mut list, true, values);
    list
}

fn extend_list<'v>(list: &mut String, mut is_first: bool, values: impl IntoIterator<Item = &'v str>) {
    for value in values {
        if !is_first {
            list.push(',');
        }
        is_first = false;
        list.extend(utf8_percent_encode(value, ESCAPED_IN_PARAMETERS));
    }
}

/// An id as a regular expression that matches it and nothing else: Orion takes one for that, between `^` and `$`. In brackets,
/// since a backslash is not taken everywhere.
fn literally(raw: &str) -> Cow<'_, str> {
    let means_more = |character: char| ".+*$[{}|^\\".contains(character);
    if !raw.contains(means_more) {
        return Cow::Borrowed(raw);
    }
    let mut literally = String::with_capacity(raw.len() * 2);
    for character in raw.chars() {
        match character {
            '^' | '\\' => literally.extend(['\\', character]),
            _ if means_more(character) => literally.extend(['[', character, ']']),
            _ => literally.push(character),
        }
    }
    Cow::Owned(literally)
}

/// The ids to ask for.
struct Ids {
    /// Lists of ids, one for each request, as they are written there; `None`: any id.
    chunks: Vec<Option<String>>,
    /// An id with a comma would be two in a list; it is asked for by a pattern.
    patterns: Vec<String>,
    /// Whether the source cannot answer with other entities than those that are meant.
    are_unambiguous: bool,
}

impl Ids {
    fn of(ids: &[EntityId], types: &[&NamedType]) -> Self {
        if ids.is_empty() {
            return Self {
                chunks: vec![None],
                patterns: Vec::new(),
                are_unambiguous: true,
            };
        }
        let generated = ids
            .iter()
            .flat_map(|id| types.iter().filter_map(|named| named.generated_from(id)));
        let generated: Vec<String> = generated.map(Cow::into_owned).collect();
        // `Room1` of another type is another entity of the view.
        let are_unambiguous = generated.is_empty() || types.len() == 1;
        let own = ids.iter().map(|id| id.as_str().to_owned());
        let (patterns, listed): (Vec<String>, Vec<String>) = own
            .chain(generated)
            .filter(|raw| is_identifier(raw))
            .partition(|raw| raw.contains(','));
        let mut chunks: Vec<Option<String>> = Vec::new();
        for raw in listed {
            let one = escaped_list([&*literally(&raw)]);
            match chunks.last_mut() {
                Some(Some(chunk)) if chunk.len() + one.len() < MAX_IDS => {
                    chunk.push(',');
                    chunk.push_str(&one);
                }
                _ => chunks.push(Some(one)),
            }
        }
        Self {
            chunks,
            are_unambiguous: are_unambiguous && patterns.is_empty(),
            patterns,
        }
    }

    fn requests(&self, parameters: &Parameters) -> Vec<String> {
        let lists = self.chunks.iter().map(|chunk| {
            let mut parameters = parameters.clone();
            if let Some(ids) = chunk {
                parameters.add_list("id", ids, []);
            }
            parameters.0
        });
        let patterns = self.patterns.iter().map(|raw| {
            let mut parameters = parameters.clone();
            parameters.add("idPattern", [format!("^{}$", literally(raw)).as_str()]);
            parameters.0
        });
        lists.chain(patterns).collect()
    }
}
