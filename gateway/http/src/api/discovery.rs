//! What the operations share that tell which types and attributes there are: what they ask, and how it is told (clauses 5.2.24
//! to 5.2.28). Names are compacted by the caller's @context; what a name of the gateway's own @context means stands beside it,
//! in Japanese and in English.

use std::collections::BTreeMap;

use axum::response::{IntoResponse, Response};
use kakehashi_adapters::Page;
use kakehashi_contexts::RequestContext;
use kakehashi_documents::meanings::{Meaning, of_attribute, of_type};
use kakehashi_federation::discovery::{SeenAttribute, SeenType};
use kakehashi_federation::gather::Request;
use kakehashi_federation::plan::Asker;
use kakehashi_federation::{Question, Warning};
use ngsi_ld::context::{Context, InvalidName};
use ngsi_ld::{AttributeName, TypeName};
use ring::digest::{Context as Digest, SHA256};
use serde::Serialize;
use serde_json::value::RawValue;

use super::parameters::Parameters;
use super::scope::Scope;
use super::surroundings::Surroundings;
use super::{freshness, hints, question, respond};
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// What the list of all is told with, and how.
pub(super) struct Telling<'a> {
    pub(super) context: &'a RequestContext,
    pub(super) media_type: MediaType,
}

impl<'a> Telling<'a> {
    /// The @context, where it stands in the body (clause 6.3.6).
    pub(super) fn member(&self) -> Option<&'a RawValue> {
        self.in_body().then_some(&*self.context.member)
    }

    fn in_body(&self) -> bool {
        self.media_type == MediaType::JsonLd
    }

    /// The name of a type for the caller.
    pub(super) fn name_of_type(&self, name: &TypeName) -> String {
        self.context.context.compact(name.as_str()).into_owned()
    }

    /// The name of an attribute for the caller.
    pub(super) fn name_of(&self, name: &AttributeName) -> String {
        self.context.context.compact(name.as_str()).into_owned()
    }

    /// The answer.
    pub(super) fn answer(
        &self,
        body: &impl Serialize,
        warnings: &[Warning],
        scope: &Scope,
        request: &Request,
    ) -> Result<Response, Problem> {
        let body = serde_json::to_vec(body)
            .map_err(|_| Problem::new(ErrorType::InternalError, "what there is cannot be written"))?;
        let mut response = respond::rendered(body, self.media_type, self.context, self.in_body());
        respond::add_warnings(&mut response, warnings, &scope.revision.config);
        freshness::say(&mut response, &request.call.freshness);
        Ok(response)
    }
}

/// Which part of a list of names is told: all of it, unless a `limit` or an `offset` says otherwise.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    page: Page,
    is_counted: bool,
}

impl Part {
    /// Reads `limit`, `offset` and `count`.
    ///
    /// # Errors
    /// A problem that names the parameter.
    pub(super) fn read(parameters: &Parameters<'_>, around: &Surroundings<'_>) -> Result<Self, Problem> {
        let (page, is_counted) = question::page_or_whole(parameters, around)?;
        Ok(Self { page, is_counted })
    }

    /// What is told of the whole.
    pub(super) fn of<I: Iterator>(self, all: I) -> impl Iterator<Item = I::Item> {
        all.skip(self.page.offset).take(self.page.limit)
    }

    /// Says beside the part how many there are and where the others are.
    pub(super) fn say(self, response: &mut Response, all: usize, scope: &Scope, media_type: MediaType) {
        let Self { page, is_counted } = self;
        respond::add_count(response, is_counted.then(|| u64::try_from(all).unwrap_or(u64::MAX)));
        // Without a limit there is no page that others would be as long as.
        if page.limit == usize::MAX {
            return;
        }
        let more = page.limit > 0 && page.offset.saturating_add(page.limit) < all;
        let (path, query) = (scope.uri.path(), scope.uri.query().unwrap_or_default());
        let next = respond::NextPage::of(more, None, None);
        respond::add_page_links(response, path, query, page, next, media_type);
    }
}

/// Why a list of names is empty, as far as that may be said.
pub(super) fn add_hints_of_nothing(response: &mut Response, question: &Question, asker: &Asker<'_>) {
    respond::add_hints(response, &hints::of_question(question, asker));
}

/// The answer of a name that nothing is seen of: the same whether nobody has it or the caller may not know of it.
pub(super) fn not_found(detail: &'static str, warnings: &[Warning], scope: &Scope, request: &Request) -> Response {
    let mut response = Problem::new(ErrorType::ResourceNotFound, detail).into_response();
    respond::add_warnings(&mut response, warnings, &scope.revision.config);
    respond::add_retry_after(&mut response, warnings, &scope.revision.config);
    freshness::say(&mut response, &request.call.freshness);
    response
}

/// What a name of a path stands for; `None`: a keyword of JSON-LD, or what the @context gives no meaning, of which there is
/// nothing.
///
/// # Errors
/// 400 for what can be no name.
pub(super) fn expanded<N>(name: Result<N, InvalidName>) -> Result<Option<N>, Problem> {
    match name {
        Ok(name) => Ok(Some(name)),
        Err(InvalidName::Keyword | InvalidName::Meaningless) => Ok(None),
        Err(error) => {
            let detail = format!("the name at the end of the path: {error}");
            Err(Problem::new(ErrorType::BadRequestData, detail))
        }
    }
}

/// Whether a name is that of a member of an entity that is no attribute of it (clauses 4.5.1 and 4.8).
pub(super) fn is_no_attribute(name: &AttributeName) -> bool {
    let is_scope = Context::core().expand_attribute("scope").ok().as_ref() == Some(name);
    is_scope || name.is_system_date()
}

/// `EntityTypeList` of clause 5.2.24.
#[derive(Serialize)]
//= 4.5.10-1, 5.2.24-1
pub(super) struct EntityTypeList<'a> {
    #[serde(rename = "@context", skip_serializing_if = "Option::is_none")]
    pub(super) context: Option<&'a RawValue>,
    pub(super) id: String,
    pub(super) r#type: &'static str,
    #[serde(rename = "typeList")]
    pub(super) type_list: Vec<String>,
}

/// `EntityType` of clause 5.2.25.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
//= 4.5.11-1, 5.2.25-1
pub(super) struct EntityType<'a> {
    #[serde(rename = "@context", skip_serializing_if = "Option::is_none")]
    context: Option<&'a RawValue>,
    id: &'a str,
    r#type: &'static str,
    type_name: String,
    attribute_names: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Meaning<'static>>,
}

impl<'a> EntityType<'a> {
    pub(super) fn of(name: &'a TypeName, seen: &SeenType, telling: &Telling<'a>) -> Self {
        Self {
            context: telling.member(),
            id: name.as_str(),
            r#type: "EntityType",
            type_name: telling.name_of_type(name),
            attribute_names: seen.attributes.keys().map(|name| telling.name_of(name)).collect(),
            description: of_type(name),
        }
    }
}

/// `EntityTypeInfo` of clause 5.2.26. The count is left out where it cannot be told.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
//= 4.5.12-1, 5.2.26-2
pub(super) struct EntityTypeInfo<'a> {
    #[serde(rename = "@context", skip_serializing_if = "Option::is_none")]
    context: Option<&'a RawValue>,
    id: &'a str,
    r#type: &'static str,
    type_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity_count: Option<u64>,
    attribute_details: Vec<Attribute<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Meaning<'static>>,
}

impl<'a> EntityTypeInfo<'a> {
    pub(super) fn of(name: &'a TypeName, seen: &'a SeenType, telling: &Telling<'a>) -> Self {
        let details = seen.attributes.iter();
        Self {
            context: telling.member(),
            id: name.as_str(),
            r#type: "EntityTypeInfo",
            type_name: telling.name_of_type(name),
            entity_count: seen.entities,
            attribute_details: details
                .map(|(name, seen)| Attribute {
                    attribute_types: Some(seen.kinds.iter().copied().collect()),
                    ..Attribute::named(name, None, telling)
                })
                .collect(),
            description: of_type(name),
        }
    }
}

/// `AttributeList` of clause 5.2.27.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
//= 4.5.13-1, 5.2.27-1
pub(super) struct AttributeList<'a> {
    #[serde(rename = "@context", skip_serializing_if = "Option::is_none")]
    context: Option<&'a RawValue>,
    id: String,
    r#type: &'static str,
    attribute_list: Vec<String>,
}

impl<'a> AttributeList<'a> {
    pub(super) fn of(names: &[&AttributeName], telling: &Telling<'a>) -> Self {
        Self {
            context: telling.member(),
            id: list_id("AttributeList", names.iter().map(|name| name.as_str())),
            r#type: "AttributeList",
            attribute_list: names.iter().map(|name| telling.name_of(name)).collect(),
        }
    }
}

/// `Attribute` of clause 5.2.28, with those of its members that the operation tells.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
//= 5.2.28-1
pub(super) struct Attribute<'a> {
    #[serde(rename = "@context", skip_serializing_if = "Option::is_none")]
    context: Option<&'a RawValue>,
    id: &'a str,
    r#type: &'static str,
    attribute_name: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute_count: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attribute_types: Option<Vec<&'static str>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    type_names: Option<Vec<String>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    description: Option<Meaning<'static>>,
}

impl<'a> Attribute<'a> {
    /// As one of the list of all: what it is called, and which types have it.
    //= 4.5.14-1
    pub(super) fn listed(name: &'a AttributeName, of: &AttributeOfTypes, telling: &Telling<'a>) -> Self {
        let types = of.types.iter();
        Self {
            type_names: Some(types.map(|name| telling.name_of_type(name)).collect()),
            ..Self::named(name, telling.member(), telling)
        }
    }

    /// With everything that is known of it.
    //= 4.5.15-1
    pub(super) fn whole(name: &'a AttributeName, of: &AttributeOfTypes, telling: &Telling<'a>) -> Self {
        Self {
            attribute_count: of.seen.count(),
            attribute_types: Some(of.seen.kinds.iter().copied().collect()),
            ..Self::listed(name, of, telling)
        }
    }

    fn named(name: &'a AttributeName, context: Option<&'a RawValue>, telling: &Telling<'a>) -> Self {
        Self {
            context,
            id: name.as_str(),
            r#type: "Attribute",
            attribute_name: telling.name_of(name),
            attribute_count: None,
            attribute_types: None,
            type_names: None,
            description: of_attribute(name),
        }
    }
}

/// What is seen of one attribute, and under which types.
pub(super) struct AttributeOfTypes {
    seen: SeenAttribute,
    types: Vec<TypeName>,
}

/// What is seen, attribute by attribute.
pub(super) type ByAttribute = BTreeMap<AttributeName, AttributeOfTypes>;

/// What is seen of each attribute, whichever types have it.
pub(super) fn by_attribute(types: &BTreeMap<TypeName, SeenType>) -> ByAttribute {
    let mut all = ByAttribute::new();
    for (r#type, of_type) in types {
        for (name, seen) in &of_type.attributes {
            match all.get_mut(name) {
                Some(known) => {
                    known.seen.add(seen);
                    known.types.push(r#type.clone());
                }
                None => {
                    let first = AttributeOfTypes {
                        seen: seen.clone(),
                        types: vec![r#type.clone()],
                    };
                    all.insert(name.clone(), first);
                }
            }
        }
    }
    all
}

/// Clauses 5.2.24 and 5.2.27 want an id of its own for a list. The same names have the same, so that whoever has the list already
/// can be told so (RFC 9110 section 15.4.5).
//= 4.5.10-1, 4.5.13-1
pub(super) fn list_id<'a>(of: &str, names: impl Iterator<Item = &'a str>) -> String {
    let mut hash = Digest::new(&SHA256);
    for name in names {
        hash.update(name.as_bytes());
        // No name has it.
        hash.update(&[0]);
    }
    let hash = hash.finish();
    let hash = hash.as_ref().iter().take(16);
    let digits: String = hash.map(|byte| format!("{byte:02x}")).collect();
    format!("urn:ngsi-ld:{of}:{digits}")
}
