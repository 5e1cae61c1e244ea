//! `POST /entityOperations/upsert`: entities that are created or replaced.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::State;
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_federation::provide::EntityChange;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::Entity;
use ngsi_ld::context::Context;
use ngsi_ld::entity::parse::{Fault, Fragment, FragmentUse, InvalidEntity, parse_entity, parse_fragment};
use ngsi_ld::update::Update;

use crate::api::batch::{CREATED, NOTHING_NEW, SOME_FAILED, change_each, entities_in, update_of};
use crate::api::command::{Command, Written};
use crate::api::known_parameters::{LOCAL_WRITE, UPSERT_OPTIONS};
use crate::api::operation::Offered;
use crate::api::parameters::unknown_value;
use crate::api::scope::Scope;
use crate::problem::Problem;

/// `POST /entityOperations/upsert`: upsertBatch.
pub(super) static OFFERED: Offered = Offered {
    name: "upsertBatch",
    clause: Some("5.6.8 and 6.15.3.1"),
    method: Method::POST,
    path: "/ngsi-ld/v1/entityOperations/upsert",
    asks: Some(Operation::UpsertBatch),
    summary: "write entities, whether they are new or not",
    parameters: &[UPSERT_OPTIONS, LOCAL_WRITE],
    lacks: &["via"],
    representations: &[],
    body: Some("Entities"),
    successes: &[CREATED, NOTHING_NEW, SOME_FAILED],
    explained: Some(explained),
    route: |method| on(method, answer),
};

/// What becomes of entities that there are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// What is sent stands in their place.
    Replace,
    /// Their attributes are updated by those that are sent (clause 5.6.2).
    Update,
}

impl Mode {
    //= 5.6.8.3-1, 5.6.8.3-2, 6.15.3.1-2
    fn read(query: Option<&str>) -> Result<Self, Problem> {
        match OFFERED.parameters(query)?.text("options")? {
            None | Some("replace") => Ok(Self::Replace),
            Some("update") => Ok(Self::Update),
            Some(other) => Err(unknown_value("options", 0, other, "expected `replace` or `update`")),
        }
    }

    //= 5.6.8.4-2
    fn change(self, entity: Entity) -> EntityChange {
        match self {
            Self::Replace => EntityChange::Put(entity),
            Self::Update => EntityChange::Update {
                id: entity.id.clone(),
                types: None,
                update: Box::new(Update::Attributes(Fragment::from(entity.clone()))),
                otherwise: Some(Box::new(entity)),
            },
        }
    }
}

fn explained(written: &Written<'_>) -> Result<Command, Problem> {
    Mode::read(written.query)?;
    let entities = written
        .body
        .map(|body| entities_in(body, written.around.context))
        .transpose()?;
    Ok(Command::Write(Operation::UpsertBatch, entities))
}

//= 6.15.3.1-1
async fn answer(State(gateway): State<Arc<Gateway>>, scope: Scope, body: Body) -> Result<Response, Problem> {
    let mode = Mode::read(scope.uri.query())?;
    let read = move |json: &[u8], names: &Context| Sent::read(mode, json, names);
    let change = |sent| match sent {
        Sent::Entity(entity) => Ok(mode.change(*entity)),
        Sent::Fragment(fragment) => update_of(*fragment, Update::Attributes),
    };
    change_each(&gateway, &scope, body, Operation::UpsertBatch, read, change).await
}

/// What an element is.
enum Sent {
    /// An entity.
    Entity(Box<Entity>),
    /// One that cannot be created, because it says of something that it goes. One that there is can be updated by it (clause 5.6.2).
    Fragment(Box<Fragment>),
}

impl Sent {
    fn read(mode: Mode, json: &[u8], names: &Context) -> Result<Self, InvalidEntity> {
        match parse_entity(json, names) {
            Ok(entity) => Ok(Self::Entity(Box::new(entity))),
            Err(error) if mode == Mode::Update && error.fault == Fault::Null => {
                let fragment = parse_fragment(json, names, FragmentUse::Update)?;
                Ok(Self::Fragment(Box::new(fragment)))
            }
            Err(error) => Err(error),
        }
    }
}
