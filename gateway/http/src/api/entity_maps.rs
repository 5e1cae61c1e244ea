//! Entity maps over HTTP (clauses 5.14, 6.32 and 6.34): which one a query refers to, what it wants of a new one, and how an answer
//! tells which was used.
//!
//! The header leads to a map, and so does the cursor of a link, so that whoever follows links needs no header.

use std::sync::Arc;
use std::time::Duration;

use axum::extract::rejection::PathRejection;
use axum::extract::{MatchedPath, Path, Request};
use axum::response::Response;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use jiff::Timestamp;
use jiff::fmt::temporal::SpanParser;
use jiff::tz::TimeZone;
use kakehashi_adapters::Page;
use kakehashi_contexts::RequestContext;
use kakehashi_federation::entities::EntityPage;
use kakehashi_federation::pages::maps::kept::{LIFETIME, LONGEST, NoRoom};
use kakehashi_federation::pages::maps::making::{self, Made, NoMap, Wanted};
use kakehashi_federation::pages::maps::map::{EntityMap, MapId, Owner};
use kakehashi_federation::pages::maps::paging::{self, AskedOfMap, Begin, Leads, MapPage};
use kakehashi_federation::plan::Asker;
use kakehashi_federation::{Question, Warning, gather, warning};
use kakehashi_running::Gateway;
use ngsi_ld::check_absolute;
use percent_encoding::percent_decode_str;

use super::entity_list::counted_body;
use super::parameters::Parameters;
use super::refused_order;
use super::respond::{self, PageLink};
use super::scope::Scope;
use crate::negotiate::MediaType;
use crate::problem::{ErrorType, Problem};

/// The resource of all maps (clause 6.34).
pub(super) const ENTITY_MAPS: &str = "/ngsi-ld/v1/entityMaps";

/// Of requests and answers: the map that is used (Table 6.4.3.2-2).
const ENTITY_MAP: HeaderName = HeaderName::from_static("ngsild-entitymap");

/// Where the header is read, by method and path. Where a map is made it is ignored (clause 5.14.4.3).
//= 5.14.4.3-1
const TAKE_HEADER: [(Method, &str); 6] = [
    (Method::GET, "/ngsi-ld/v1/entities"),
    (Method::DELETE, "/ngsi-ld/v1/entities"),
    (Method::GET, "/ngsi-ld/v1/entities/{entityId}"),
    (Method::POST, "/ngsi-ld/v1/entityOperations/query"),
    (Method::GET, ENTITY_MAPS),
    (Method::POST, ENTITY_MAPS),
];

/// Whether an operation is answered by the map that the header names.
pub(super) fn takes_entity_map(method: &Method, path: &str) -> bool {
    let takes = |(taking, of): &(Method, &str)| taking == method && *of == path;
    path != ENTITY_MAPS && TAKE_HEADER.iter().any(takes)
}

/// Refuses the header where nothing is asked of a map: nothing is ignored.
pub(super) fn check_header(request: &Request) -> Result<(), Problem> {
    if !request.headers().contains_key(ENTITY_MAP) {
        return Ok(());
    }
    let path = request.extensions().get::<MatchedPath>();
    let path = path.map_or("", MatchedPath::as_str);
    // HEAD is answered as GET is.
    let method = match *request.method() {
        Method::HEAD => &Method::GET,
        ref method => method,
    };
    if TAKE_HEADER.iter().any(|(taking, of)| taking == method && *of == path) {
        return Ok(());
    }
    let detail = "header `NGSILD-EntityMap`: entity maps are for reading entities; leave it out here";
    Err(Problem::new(ErrorType::OperationNotSupported, detail))
}

/// What a query wants of a map that is to be made.
#[derive(Debug, Default)]
pub(super) struct Wish {
    /// `entityMap`
    is_wanted: bool,
    /// `entityMapLifetime`
    lifetime: Option<Duration>,
}

impl Wish {
    /// Reads `entityMap` and `entityMapLifetime`.
    ///
    /// # Errors
    /// A problem that names the parameter.
    pub(super) fn read(parameters: &Parameters<'_>) -> Result<Self, Problem> {
        let is_wanted = parameters.boolean("entityMap")?.unwrap_or(false);
        let lifetime = parameters.text("entityMapLifetime")?.map(duration).transpose();
        let lifetime = lifetime.map_err(|detail| parameters.fault("entityMapLifetime", 0, detail))?;
        Ok(Self { is_wanted, lifetime })
    }

    /// Refuses a lifetime where nothing is to live.
    fn has_no_lifetime(&self) -> Result<(), Problem> {
        match self.lifetime {
            None => Ok(()),
            Some(_) => {
                let detail = "`entityMapLifetime` is for `entityMap=true`; give both, or none";
                Err(Problem::new(ErrorType::BadRequestData, detail))
            }
        }
    }
}

/// A duration of ISO 8601; where it is longer than a map may live, as long as that.
fn duration(text: &str) -> Result<Duration, &'static str> {
    let span = SpanParser::new().parse_span(text);
    let span = span.map_err(|_| "expected a duration of ISO 8601, such as `PT10M`")?;
    if span.is_negative() || span.is_zero() {
        return Err("expected a duration that is longer than nothing, such as `PT10M`");
    }
    let now = Timestamp::now().to_zoned(TimeZone::UTC);
    let duration = span.to_duration(&now).ok();
    Ok(duration
        .and_then(|duration| Duration::try_from(duration).ok())
        .unwrap_or(LONGEST))
}

/// The map that a query refers to.
#[derive(Debug)]
pub(super) struct Reference {
    id: MapId,
    /// Where in it the page begins; `None`: at its offset.
    position: Option<usize>,
}

impl Reference {
    /// That of a header, or of a cursor that leads into a map.
    ///
    /// # Errors
    /// 400 where both are given and do not fit.
    //= 6.4.3.2-3
    pub(super) fn of(headers: &HeaderMap, cursor: Option<&str>) -> Result<Option<Self>, Problem> {
        let by_header = headers.get(ENTITY_MAP).map(named).transpose()?;
        let by_cursor = cursor.and_then(MapId::of_cursor);
        match (by_header, by_cursor) {
            (Some(id), None) if cursor.is_none() => Ok(Some(Self { id, position: None })),
            (None, Some((id, position))) => Ok(Some(Self {
                id,
                position: Some(position),
            })),
            (Some(id), Some((same, position))) if id == same => Ok(Some(Self {
                id,
                position: Some(position),
            })),
            (Some(_), _) => {
                let detail = "parameter `cursor`: it does not lead into the entity map of the header `NGSILD-EntityMap`; leave one of \
                              them out";
                Err(Problem::new(ErrorType::BadRequestData, detail))
            }
            (None, None) => Ok(None),
        }
    }
}

/// The id that a header names: the address of the resource, or the id alone.
fn named(value: &HeaderValue) -> Result<MapId, Problem> {
    let text = value.to_str().ok().map(str::trim).filter(|text| !text.is_empty());
    let last = text.and_then(|text| text.rsplit('/').next());
    let decoded = last.and_then(|last| percent_decode_str(last).decode_utf8().ok());
    decoded.map(|id| MapId::new(&id)).ok_or_else(|| {
        let detail = "header `NGSILD-EntityMap`: expected the address of an entity map, as an answer has told it";
        Problem::new(ErrorType::BadRequestData, detail)
    })
}

/// Whom the maps of a request belong to.
pub(super) fn owner(scope: &Scope) -> Owner {
    Owner::of(&scope.caller.0, scope.tenant.as_ref(), scope.address)
}

/// The map that a page is of, and the pages beside it.
#[derive(Debug)]
pub(super) struct OfMap {
    map: Arc<EntityMap>,
    /// Whether it was made for this answer.
    is_new: bool,
    next: Option<Leads>,
    previous: Option<Leads>,
}

/// What is asked of a map, and which one.
#[derive(Debug)]
pub(super) struct Asked<'a> {
    pub(super) question: &'a Arc<Question>,
    pub(super) page: Page,
    pub(super) count: bool,
    pub(super) wish: Wish,
    pub(super) reference: Option<Reference>,
}

impl Asked<'_> {
    /// Whether a map is asked for at all.
    ///
    /// # Errors
    /// 400 where a lifetime is given and nothing is to live.
    pub(super) fn is_by_map(&self) -> Result<bool, Problem> {
        let is_by_map = self.wish.is_wanted || self.reference.is_some();
        if !is_by_map {
            self.wish.has_no_lifetime()?;
        }
        Ok(is_by_map)
    }
}

/// The page of the map that is referred to; of a new one where there is none of that id (clause 5.5.14).
//= 5.5.14-5, 5.5.14-6, 5.7.2.4-13, 5.12-3
pub(super) async fn answer(
    asked: Asked<'_>,
    gateway: &Gateway,
    scope: &Scope,
    asker: &Asker<'_>,
    request: &gather::Request,
) -> Result<(EntityPage, OfMap), Problem> {
    let Asked {
        question,
        page,
        count,
        wish,
        reference,
    } = asked;
    let rules = scope.revision.config.revision.as_str();
    let found = reference.and_then(|reference| {
        let map = gateway.entity_maps.get(&reference.id, &owner(scope))?;
        Some((map, reference.position))
    });
    let is_new = found.is_none();
    let (map, position, warnings) = match found {
        Some((map, _)) if !map.is_of(question) => {
            let detail = "the entity map was made for another question: ask the same, but for `id`, `limit`, `offset` and `count` (clause \
                          5.5.14), or leave the header `NGSILD-EntityMap` and the parameter `cursor` out";
            return Err(Problem::new(ErrorType::BadRequestData, detail));
        }
        Some((map, position)) => (map, position, Vec::new()),
        None => {
            let made = make(question, &wish, gateway, scope, asker, request).await?;
            (made.map, None, made.warnings)
        }
    };
    let asked = AskedOfMap {
        question,
        begin: position.map_or(Begin::Offset(page.offset), Begin::Position),
        limit: page.limit,
        count,
        rules,
    };
    let answered = paging::page(&map, asked, asker, request).await;
    let mut answered = answered.map_err(|refusal| refused_order::problem(refusal, question, asker))?;
    warning::add(&mut answered.page.warnings, warnings);
    let MapPage { page, next, previous } = answered;
    let of_map = OfMap {
        map,
        is_new,
        next,
        previous,
    };
    Ok((page, of_map))
}

/// How a map takes part in a retrieval (clause 5.7.1.4).
#[derive(Debug)]
pub(super) enum MapOfOne {
    /// None is asked for.
    None,
    /// The one that is referred to says who is asked.
    Referred(Arc<EntityMap>),
    /// One is made of the entity that is found.
    New(Wish),
}

/// The map that a retrieval is by. Where it refers to one, the sources are asked of which the map says that they have the entity:
/// of an entity that is not in it, none.
///
/// # Errors
/// 400 where the map was made for another question.
//= 5.5.14-4, 5.7.1.4-6, 5.7.1.4-13, 6.5.3.1-3
pub(super) fn of_one(
    question: &mut Question,
    wish: Wish,
    reference: Option<Reference>,
    gateway: &Gateway,
    scope: &Scope,
) -> Result<MapOfOne, Problem> {
    if !wish.is_wanted && reference.is_none() {
        return wish.has_no_lifetime().map(|()| MapOfOne::None);
    }
    let found = reference.and_then(|reference| gateway.entity_maps.get(&reference.id, &owner(scope)));
    let Some(map) = found else {
        return Ok(MapOfOne::New(wish));
    };
    if !map.is_of_retrieval(question) {
        let detail = "the entity map was made for another question: ask for an entity of it by the same `type`, `attrs`, `pick`, `omit`, \
                      `datasetId` and `local` (clause 5.5.14), or leave the header `NGSILD-EntityMap` out";
        return Err(Problem::new(ErrorType::BadRequestData, detail));
    }
    let holders = question.query.ids.first().and_then(|id| map.holders_of(id));
    question.held_by = Some(holders.unwrap_or_default());
    Ok(MapOfOne::Referred(map))
}

impl MapOfOne {
    /// The sources that the map lacks: what they have is missing from whatever is asked by it.
    pub(super) fn lacks(&self) -> &[Warning] {
        match self {
            Self::Referred(map) => map.lacks(),
            Self::None | Self::New(_) => &[],
        }
    }

    /// The map that an answer is by, made where there is none yet.
    pub(super) async fn made(
        self,
        question: &Arc<Question>,
        gateway: &Gateway,
        scope: &Scope,
        asker: &Asker<'_>,
        request: &gather::Request,
    ) -> Result<Option<Arc<EntityMap>>, Problem> {
        match self {
            Self::None => Ok(None),
            Self::Referred(map) => Ok(Some(map)),
            Self::New(wish) => {
                let made = make(question, &wish, gateway, scope, asker, request).await?;
                Ok(Some(made.map))
            }
        }
    }
}

/// The map whose entities are purged (clause 6.4.3.3). Where there is none of that id none is made: whoever names one does not mean
/// what nobody has looked at.
///
/// # Errors
/// 404 where there is none; 400 where it was made for another question.
//= 6.4.3.3-3
pub(super) fn of_purge(
    question: &Question,
    reference: &Reference,
    gateway: &Gateway,
    scope: &Scope,
) -> Result<Arc<EntityMap>, Problem> {
    let map = find(gateway, scope, &reference.id)?;
    if map.is_of_purge(question) {
        return Ok(map);
    }
    let detail = "the entity map was made for another question: purge by the conditions that it was made for, or leave the header \
                  `NGSILD-EntityMap` out";
    Err(Problem::new(ErrorType::BadRequestData, detail))
}

/// Makes a map of what a question finds now.
//= 5.5.14-1, 5.5.14-2
pub(super) async fn make(
    question: &Arc<Question>,
    wish: &Wish,
    gateway: &Gateway,
    scope: &Scope,
    asker: &Asker<'_>,
    request: &gather::Request,
) -> Result<Made, Problem> {
    let wanted = Wanted {
        question,
        owner: owner(scope),
        lifetime: wish.lifetime.unwrap_or(LIFETIME),
        rules: scope.revision.config.revision.as_str(),
    };
    let made = making::make(wanted, &gateway.entity_maps, asker, request).await;
    made.map_err(|no_map| problem(no_map, question, asker))
}

/// Why there is no map, as a consumer is told.
pub(super) fn problem(no_map: NoMap, question: &Question, asker: &Asker<'_>) -> Problem {
    let error_type = match no_map {
        NoMap::Refused(refusal) => return refused_order::problem(refusal, question, asker),
        NoMap::NoRoom(NoRoom::InAll) | NoMap::Unheard => return Problem::later(no_map.to_string()),
        NoMap::NoRoom(_) | NoMap::TooLarge { .. } => ErrorType::TooManyResults,
        NoMap::NotKept => ErrorType::OperationNotSupported,
        NoMap::NotSecret => ErrorType::InternalError,
    };
    Problem::new(error_type, no_map.to_string())
}

/// Says which map was used.
//= 4.3.6.7-1, 5.14.4.5-1, 6.4.3.2-11, 6.5.3.1-8, 6.23.3.1-3
pub(super) fn tell(response: &mut Response, map: &EntityMap) {
    if let Some(location) = respond::location(ENTITY_MAPS, map.id.as_str()) {
        response.headers_mut().insert(ENTITY_MAP, location);
    }
}

impl OfMap {
    /// Says which map a page is of, and where the pages beside it are.
    pub(super) fn tell(&self, response: &mut Response, scope: &Scope, limit: usize, media_type: MediaType) {
        tell(response, &self.map);
        if self.is_new && response.status() == StatusCode::OK {
            *response.status_mut() = StatusCode::CREATED;
        }
        for (relation, leads) in [("next", self.next), ("prev", self.previous)] {
            if let Some(Leads { offset, position }) = leads {
                let link = PageLink {
                    relation,
                    page: Page { limit, offset },
                    cursor: Some(&self.map.id.cursor(position)),
                };
                let query = scope.uri.query().unwrap_or_default();
                respond::add_page_link(response, scope.uri.path(), query, link, media_type);
            }
        }
    }
}

/// The id in a path, which must be a URI (clause 5.14.1.4).
//= 5.14.1.4-1, 5.14.2.4-1, 5.14.3.4-1
pub(super) fn id_in_path(id: Result<Path<String>, PathRejection>) -> Result<MapId, Problem> {
    let invalid = |detail: String| Problem::new(ErrorType::BadRequestData, detail);
    let Ok(Path(id)) = id else {
        let detail = "the id of the entity map is not a URI: its percent-encoded bytes are not UTF-8";
        return Err(invalid(detail.to_owned()));
    };
    check_absolute(&id)
        .map_err(|error| invalid(format!("the id of the entity map in the path is not a URI: {error}")))?;
    Ok(MapId::new(&id))
}

/// The caller's own map. Of those of others it is told what it is told of those that do not exist.
pub(super) fn find(gateway: &Gateway, scope: &Scope, id: &MapId) -> Result<Arc<EntityMap>, Problem> {
    let found = gateway.entity_maps.get(id, &owner(scope));
    found.ok_or_else(no_such_map)
}

/// What is told where there is none.
//= 5.14.1.4-2, 5.14.2.4-2, 5.14.3.4-2
pub(super) fn no_such_map() -> Problem {
    let detail = "you have no entity map of that id; it may have expired";
    Problem::new(ErrorType::ResourceNotFound, detail)
}

/// The answer that shows a map.
pub(super) async fn shown(
    map: &Arc<EntityMap>,
    media_type: MediaType,
    context: &RequestContext,
    scope: &Scope,
) -> Result<Response, Problem> {
    let in_body = media_type == MediaType::JsonLd;
    let member = in_body.then(|| context.member.get().to_owned());
    // What is written is about as large as the map.
    let held = scope.resources.hold(map.weight())?;
    let writing = Arc::clone(map);
    let writing = async move { document(&writing, member.as_deref()) };
    let body = scope.resources.compute_over(map.weight(), writing).await?;
    let body = counted_body(body, Some(held));
    Ok(respond::rendered(body, media_type, context, in_body))
}

/// A map as clause 5.2.39 writes it. `context`: the @context that stands in the body.
//= 4.5.25-1, 5.2.39-1, 5.2.39-2
fn document(map: &EntityMap, context: Option<&str>) -> Vec<u8> {
    let expires_at = map.expires_at();
    let expires_at = expires_at.as_ref().map_or("", |at| at.as_str());
    let mut document = format!(
        "{{\"id\":\"{}\",\"type\":\"EntityMap\",\"expiresAt\":\"{expires_at}\",\"entityMap\":{},\"linkedMaps\":{{}}",
        map.id.as_str(),
        map.members(),
    );
    if let Some(context) = context {
        document.push_str(",\"@context\":");
        document.push_str(context);
    }
    document.push('}');
    document.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lifetimes_are_durations_of_iso_8601() {
        for (text, seconds) in [
            ("PT10M", 600),
            ("PT1H30M", 5_400),
            ("P1D", 86_400),
            ("P1M", 28 * 86_400),
        ] {
            assert!(duration(text).unwrap() >= Duration::from_secs(seconds), "{text}");
        }
        for text in ["1hour", "10", "", "PT0S", "-PT1M", "P", "PT1X"] {
            assert!(duration(text).is_err(), "{text}");
        }
        assert!(duration("P9999Y").unwrap() >= LONGEST);
    }

    #[test]
    fn a_header_names_a_map_by_its_address_or_its_id() {
        for text in [
            "urn:ngsi-ld:EntityMap:1",
            "/ngsi-ld/v1/entityMaps/urn:ngsi-ld:EntityMap:1",
            "https://a.example/ngsi-ld/v1/entityMaps/urn%3Angsi-ld%3AEntityMap%3A1",
        ] {
            let id = named(&HeaderValue::from_static(text)).unwrap();
            assert_eq!(id.as_str(), "urn:ngsi-ld:EntityMap:1", "{text}");
        }
        assert!(named(&HeaderValue::from_static("  ")).is_err());
    }

    #[test]
    fn a_cursor_of_another_walk_is_refused_beside_a_header() {
        let mut headers = HeaderMap::new();
        assert!(Reference::of(&headers, Some("AbC")).unwrap().is_none());
        assert!(Reference::of(&headers, Some("1.20")).unwrap().is_none());
        let own = "0123456789abcdef0123456789abcdef.20";
        let by_cursor = Reference::of(&headers, Some(own)).unwrap().unwrap();
        assert_eq!(by_cursor.position, Some(20));
        let id = HeaderValue::from_static("urn:ngsi-ld:EntityMap:0123456789abcdef0123456789abcdef");
        headers.insert(ENTITY_MAP, id);
        assert!(Reference::of(&headers, None).unwrap().unwrap().position.is_none());
        assert!(Reference::of(&headers, Some(own)).is_ok());
        for other in ["1123456789abcdef0123456789abcdef.20", "2.20", "AbC"] {
            assert!(Reference::of(&headers, Some(other)).is_err(), "{other}");
        }
    }
}
