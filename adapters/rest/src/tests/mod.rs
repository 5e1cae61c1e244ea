//! The adapter against servers on real sockets.

mod platform;
mod sano;
mod town;
mod trial;

use std::sync::Arc;
use std::time::{Duration, Instant};

use futures::TryStreamExt;
use ngsi_ld::context::Context;
use ngsi_ld::{AttributeName, Entity, TypeName};

use super::{RestAdapter, RestSettings};
use kakehashi_client::{Credential, HttpClient, HttpClientSettings, SourceLimits};
use kakehashi_contract::{Adapter, AdapterError, Call, Flaw, Page, SourceId, SourceQuery, Yielded, entities_of};
use kakehashi_mapping::Mapping;

const SANO_MAPPING: &str = include_str!("../../../../mappings/sano.toml");
const TOWN_MAPPING: &str = include_str!("town.toml");

fn mapping(text: &str, name: &str) -> Mapping {
    match Mapping::parse(text, name, Context::kakehashi()) {
        Ok(mapping) => mapping,
        Err(errors) => panic!(
            "{}",
            errors.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n")
        ),
    }
}

fn type_name(name: &str) -> TypeName {
    Context::kakehashi().expand_type(name).unwrap()
}

fn attribute_name(name: &str) -> AttributeName {
    Context::kakehashi().expand_attribute(name).unwrap()
}

fn adapter(endpoint: &str, mapping: Mapping, credential: Option<Credential>) -> RestAdapter {
    let http = HttpClient::new(&HttpClientSettings::default()).unwrap();
    let types = mapping.types().cloned().collect();
    let settings = RestSettings {
        source: SourceId::new("platform"),
        endpoint: endpoint.to_owned(),
        outside: kakehashi_mapping::record::Outside::default(),
        mapping: Arc::new(mapping),
        credential,
        limits: SourceLimits {
            body: 1024 * 1024,
            ..SourceLimits::default()
        },
        types,
    };
    RestAdapter::new(http, settings).unwrap()
}

fn call() -> Call {
    Call::until(Instant::now() + Duration::from_secs(10))
}

fn of_type(name: &str) -> SourceQuery {
    SourceQuery::of_types(vec![type_name(name)])
}

async fn all(adapter: &RestAdapter, query: &SourceQuery) -> Result<Vec<Entity>, AdapterError> {
    entities_of(adapter.prepare(query).query(None, &call()))
        .try_collect()
        .await
}

async fn ids(adapter: &RestAdapter, query: &SourceQuery) -> Vec<String> {
    let entities = all(adapter, query).await.unwrap();
    entities.iter().map(|entity| entity.id.as_str().to_owned()).collect()
}

/// What is yielded in the place of each entity.
async fn yielded(adapter: &RestAdapter, query: &SourceQuery) -> Vec<Yielded> {
    adapter.prepare(query).query(None, &call()).try_collect().await.unwrap()
}

/// What is yielded of one page.
async fn page_of(adapter: &RestAdapter, query: &SourceQuery, offset: usize, limit: usize) -> Vec<Yielded> {
    let page = adapter.prepare(query).query(Some(Page { limit, offset }), &call());
    page.try_collect().await.unwrap()
}

async fn ids_of_page(adapter: &RestAdapter, query: &SourceQuery, offset: usize, limit: usize) -> Vec<String> {
    let entities = page_of(adapter, query, offset, limit).await.into_iter();
    let entities = entities.map(|one| one.entity().unwrap());
    entities.map(|entity| entity.id.as_str().to_owned()).collect()
}
