//! From a request to an answer.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};

use crate::server::{self, LoggedRequest, empty, response};

use super::State;
use super::documents::Documents;
use super::entity::draft::{AttributeDraft, EntityDraft, read_attributes};
use super::entity::render::write_attribute;
use super::entity::{Entity, Overriding};
use super::error::OrionError;
use super::exchange::{self, Accepted, CORRELATOR};
use super::json::{Json, write_text};
use super::parameters::Parameters;
use super::path::{self, ServicePaths};
use super::route::Resource;
use super::store::Service;
use super::subscriptions;
use super::update::Created;

const JSON: &str = "application/json";
const INDEX: &str = r#"{"entities_url":"/v2/entities","types_url":"/v2/types","subscriptions_url":"/v2/subscriptions","registrations_url":"/v2/registrations"}"#;
const VERSION: &str = r#"{
"orion" : {
  "version" : "4.7.0",
  "uptime" : "0 d, 0 h, 2 m, 19 s",
  "git_hash" : "stand-in",
  "compile_time" : "Fri Nov 20 11:08:37 UTC 2026",
  "compiled_by" : "stand-in",
  "compiled_in" : "stand-in",
  "release_date" : "Fri Nov 20 11:08:37 UTC 2026",
  "machine" : "x86_64",
  "doc" : "https://fiware-orion.rtfd.io/"
}
}
"#;

/// NGSI-v2 as a service of the server base.
pub(crate) struct Api(pub(crate) Arc<State>);

impl server::Service for Api {
    fn answer(&self, request: &LoggedRequest) -> Response<Bytes> {
        let mut answer = Call::read(request)
            .and_then(|call| call.answer(&self.0))
            .unwrap_or_else(OrionError::into_response);
        answer
            .headers_mut()
            .insert(CORRELATOR, exchange::correlator(&request.headers));
        answer
    }
}

type Answer = Result<Response<Bytes>, OrionError>;

/// A request whose head has been understood.
struct Call<'r> {
    request: &'r LoggedRequest,
    resource: Resource,
    service: String,
    paths: ServicePaths,
    parameters: Parameters,
    accepted: Accepted,
}

// === impl Call ===

impl<'r> Call<'r> {
    fn read(request: &'r LoggedRequest) -> Result<Self, OrionError> {
        let resource = Resource::read(request)?;
        resource.check_method(&request.method)?;
        let service = path::service(request.header("fiware-service").unwrap_or_default())?;
        let path = request.header("fiware-servicepath");
        let paths = if resource.is_read(&request.method) {
            ServicePaths::for_read(path)?
        } else {
            ServicePaths::for_write(path)?
        };
        let accepted = Accepted::read(request)?;
        exchange::check_body(request, resource.takes_text())?;
        Ok(Self {
            request,
            service,
            paths,
            parameters: Parameters::read(request)?,
            accepted,
            resource,
        })
    }

    fn answer(&self, state: &State) -> Answer {
        let is_read = self.resource.is_read(&self.request.method);
        if is_read && !matches!(self.resource, Resource::Value(..)) {
            self.accepted.check_json()?;
        }
        if is_read {
            // A service that was never written to is an empty one.
            let nothing = Service::default();
            let services = state.read();
            let service = services.get(&self.service).unwrap_or(&nothing);
            self.read_from(service, state.near_count_quirk)
        } else {
            let mut services = state.write();
            let service = services
                .entry(self.service.clone())
                .or_insert_with_key(|name| Service::named(name));
            self.write_to(service)
        }
    }

    fn read_from(&self, service: &Service, near_quirk: bool) -> Answer {
        match &self.resource {
            Resource::Version => Ok(response(StatusCode::OK, JSON, VERSION)),
            Resource::Index => Ok(response(StatusCode::OK, JSON, INDEX)),
            Resource::Entities => {
                let query = self.parameters.query()?;
                let page = query.run(service, &self.paths, &self.parameters.view(), near_quirk);
                Ok(listed(page.body, page.total))
            }
            Resource::BatchQuery => {
                let mut query = self.parameters.page()?;
                let body = exchange::object(self.request)?;
                let view = query.read_body(&body, self.parameters.view())?;
                let page = query.run(service, &self.paths, &view, near_quirk);
                Ok(listed(page.body, page.total))
            }
            Resource::Entity(id) => {
                let entity = self.entity(service, id)?;
                let mut body = Vec::new();
                self.parameters.view().write(entity, &mut body);
                Ok(response(StatusCode::OK, JSON, body))
            }
            Resource::Attributes(id) => {
                let entity = self.entity(service, id)?;
                let body = self.parameters.view().attributes_object(entity);
                Ok(response(StatusCode::OK, JSON, body))
            }
            Resource::Attribute(id, name) => {
                let entity = self.entity(service, id)?;
                let attribute = entity.attributes.get(name);
                let attribute = attribute.ok_or_else(OrionError::attribute_not_found)?;
                let mut body = String::new();
                let view = self.parameters.view();
                write_attribute(attribute, view.metadata.as_deref(), &mut body);
                Ok(response(StatusCode::OK, JSON, body))
            }
            Resource::Value(id, name) => self.value(self.entity(service, id)?, name),
            Resource::Types => Ok(self.types(service)),
            Resource::Type(kind) => type_details(service, kind)
                .map(|details| response(StatusCode::OK, JSON, format!("{{{details}}}")))
                .ok_or_else(|| OrionError::not_found("Entity type not found")),
            Resource::Subscriptions => Ok(self.documents(&service.subscriptions)),
            Resource::Registrations => Ok(self.documents(&service.registrations)),
            Resource::Subscription(id) => service.subscriptions.get("subscription", id),
            Resource::Registration(id) => service.registrations.get("registration", id),
            Resource::BatchUpdate | Resource::BatchNotify => Err(OrionError::no_such_service()),
        }
    }

    fn write_to(&self, service: &mut Service) -> Answer {
        let overriding = Overriding {
            metadata: self.parameters.has_option("overrideMetadata"),
        };
        let form = self.parameters.form();
        let method = &self.request.method;
        match &self.resource {
            Resource::Entities => {
                let draft = EntityDraft::read(&exchange::object(self.request)?, form)?;
                let id = draft.id.clone();
                let upsert = self.parameters.has_option("upsert");
                let (created, kind) = service.create(draft, &self.paths, upsert)?;
                let status = match created {
                    Created::New => StatusCode::CREATED,
                    Created::Updated => StatusCode::NO_CONTENT,
                };
                Ok(located(status, &format!("/v2/entities/{id}?type={kind}")))
            }
            Resource::Entity(id) => {
                let sequence = self.sequence(service, id)?;
                service.remove(sequence);
                Ok(empty(StatusCode::NO_CONTENT))
            }
            Resource::Attributes(id) => {
                let drafts = read_attributes(&exchange::object(self.request)?, form)?;
                let sequence = self.sequence(service, id)?;
                let shown = match self.parameters.get("type") {
                    Some(kind) => format!("{id}/{kind}"),
                    None => id.clone(),
                };
                let strict = self.parameters.has_option("append");
                match *method {
                    Method::POST => service
                        .append(sequence, drafts, strict, overriding)
                        .map_err(|refused| refused.alone(&shown))?,
                    Method::PATCH => service
                        .update(sequence, drafts, overriding)
                        .map_err(|refused| refused.alone(&shown))?,
                    _ => service.replace_attributes(sequence, drafts)?,
                }
                Ok(empty(StatusCode::NO_CONTENT))
            }
            Resource::Attribute(id, name) => {
                let sequence = self.sequence(service, id)?;
                if *method == Method::DELETE {
                    service.delete_attribute(sequence, name)?;
                } else {
                    let draft = AttributeDraft::read(&exchange::object(self.request)?)?;
                    service.put_attribute(sequence, name, draft, overriding)?;
                }
                Ok(empty(StatusCode::NO_CONTENT))
            }
            Resource::Value(id, name) => {
                let (sequence, entity) = self.found(service, id)?;
                let attribute = entity.attributes.get(name);
                let attribute = attribute.ok_or_else(OrionError::attribute_not_found)?;
                let value = exchange::value(self.request)?;
                let draft = AttributeDraft::of_value(&attribute.kind, value)?;
                service.put_attribute(sequence, name, draft, overriding)?;
                Ok(empty(StatusCode::NO_CONTENT))
            }
            Resource::BatchUpdate => {
                let body = exchange::object(self.request)?;
                service.batch(&body, form, &self.paths, overriding)?;
                Ok(empty(StatusCode::NO_CONTENT))
            }
            Resource::BatchNotify => {
                let body = exchange::object(self.request)?;
                for entity in body.get("data").and_then(Json::items).unwrap_or(&[]) {
                    let draft = EntityDraft::read(entity, form)?;
                    service.create(draft, &self.paths, true)?;
                }
                Ok(empty(StatusCode::OK))
            }
            Resource::Subscriptions => {
                let subscription = subscriptions::read_new(&exchange::object(self.request)?)?;
                let id = service.subscriptions.insert(subscription);
                Ok(located(StatusCode::CREATED, &format!("/v2/subscriptions/{id}")))
            }
            Resource::Registrations => {
                let registration = subscriptions::read_registration(&exchange::object(self.request)?)?;
                let id = service.registrations.insert(registration);
                Ok(located(StatusCode::CREATED, &format!("/v2/registrations/{id}")))
            }
            Resource::Subscription(id) if *method == Method::PATCH => {
                let change = exchange::object(self.request)?;
                service.subscriptions.change("subscription", id, |subscription| {
                    subscriptions::changed(subscription, &change)
                })?;
                Ok(empty(StatusCode::NO_CONTENT))
            }
            Resource::Subscription(id) => service.subscriptions.remove("subscription", id),
            Resource::Registration(id) => service.registrations.remove("registration", id),
            Resource::Version | Resource::Index | Resource::Types | Resource::Type(_) | Resource::BatchQuery => {
                Err(OrionError::no_such_service())
            }
        }
    }

    fn found<'s>(&self, service: &'s Service, id: &str) -> Result<(super::store::Sequence, &'s Entity), OrionError> {
        service.find(id, self.parameters.get("type"), &self.paths)
    }

    fn sequence(&self, service: &Service, id: &str) -> Result<super::store::Sequence, OrionError> {
        self.found(service, id).map(|(sequence, _)| sequence)
    }

    fn entity<'s>(&self, service: &'s Service, id: &str) -> Result<&'s Entity, OrionError> {
        self.found(service, id).map(|(_, entity)| entity)
    }

    /// Structures are JSON, lone values plain text, and neither is turned into the other.
    fn value(&self, entity: &Entity, name: &str) -> Answer {
        let attribute = entity.attributes.get(name);
        let attribute = attribute.ok_or_else(OrionError::attribute_not_found)?;
        let body = attribute.value.to_string();
        let is_structure = matches!(attribute.value, Json::Array(_) | Json::Object(_));
        match (is_structure, self.accepted) {
            (true, Accepted { json: true, .. }) => Ok(response(StatusCode::OK, JSON, body)),
            (_, Accepted { text: true, .. }) => Ok(response(StatusCode::OK, "text/plain", body)),
            _ => Err(OrionError::not_acceptable("accepted MIME types: text/plain")),
        }
    }

    fn types(&self, service: &Service) -> Response<Bytes> {
        let names_only = self.parameters.has_option("values");
        let items: Vec<String> = service
            .types()
            .filter_map(|(kind, _)| {
                let mut name = String::new();
                write_text(kind, &mut name);
                if names_only {
                    return Some(name);
                }
                let details = type_details(service, kind)?;
                Some(format!(r#"{{"type":{name},{details}}}"#))
            })
            .collect();
        let count = self.parameters.has_option("count").then_some(items.len());
        listed(format!("[{}]", items.join(",")).into_bytes(), count)
    }

    fn documents(&self, documents: &Documents) -> Response<Bytes> {
        let (body, total) = documents.list();
        let total = self.parameters.has_option("count").then_some(total);
        listed(body.into_bytes(), total)
    }
}

/// The attributes of a type, with their types, and how many entities it has.
fn type_details(service: &Service, kind: &str) -> Option<String> {
    let sequences = service.of_type(kind)?;
    let mut attributes: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for entity in sequences.iter().filter_map(|sequence| service.entity(*sequence)) {
        for (name, attribute) in &entity.attributes {
            attributes.entry(name).or_default().insert(&attribute.kind);
        }
    }
    let text = |text: &&str| Json::String((*text).to_owned());
    let members = attributes.iter().map(|(name, kinds)| {
        let kinds = Json::Array(kinds.iter().map(text).collect());
        let types = Json::Object(vec![(String::from("types"), kinds)]);
        ((*name).to_owned(), types)
    });
    let attributes = Json::Object(members.collect());
    Some(format!(r#""attrs":{attributes},"count":{}"#, sequences.len()))
}

fn listed(body: Vec<u8>, total: Option<usize>) -> Response<Bytes> {
    let mut answer = response(StatusCode::OK, JSON, body);
    if let Some(total) = total {
        answer
            .headers_mut()
            .insert("fiware-total-count", HeaderValue::from(total));
    }
    answer
}

fn located(status: StatusCode, location: &str) -> Response<Bytes> {
    let mut answer = empty(status);
    // Ids are visible ASCII, which every header field may hold.
    if let Ok(location) = HeaderValue::from_str(location) {
        answer.headers_mut().insert(header::LOCATION, location);
    }
    answer
}
