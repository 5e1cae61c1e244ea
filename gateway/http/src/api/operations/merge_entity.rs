//! `PATCH /entities/{entityId}`: what is sent, merged with the entity that is there.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Path, State};
use axum::response::Response;
use axum::routing::on;
use http::Method;
use kakehashi_policy::Operation;
use kakehashi_running::Gateway;
use ngsi_ld::entity::DateTime;
use ngsi_ld::entity::language::is_language_tag;
use ngsi_ld::entity::parse::{FragmentUse, parse_fragment, parse_simplified_fragment};
use ngsi_ld::update::Update;

use crate::api::batch::SOME_PARTS;
use crate::api::known_parameters::{
    FORMAT_AS_OPTION, FORMAT_OF_BODY, LANG_OF_BODY, LOCAL_WRITE, OBSERVED_AT, TYPE_OF_ONE,
};
use crate::api::operation::Offered;
use crate::api::parameters::{Parameters, unknown_value};
use crate::api::request_body::RequestBody;
use crate::api::scope::Scope;
use crate::api::updating::{Target, UPDATED, explained, update};
use crate::problem::Problem;

/// `PATCH /entities/{entityId}`: mergeEntity.
pub(super) static OFFERED: Offered = Offered {
    name: "mergeEntity",
    clause: Some("5.6.17 and 6.5.3.4"),
    method: Method::PATCH,
    path: "/ngsi-ld/v1/entities/{entityId}",
    asks: Some(Operation::MergeEntity),
    summary: "merge what is sent with an entity",
    parameters: &[
        TYPE_OF_ONE,
        FORMAT_OF_BODY,
        FORMAT_AS_OPTION,
        LANG_OF_BODY,
        OBSERVED_AT,
        LOCAL_WRITE,
    ],
    lacks: &["via"],
    representations: &[],
    body: Some("EntityFragment"),
    successes: &[UPDATED, SOME_PARTS],
    explained: Some(|written| {
        How::read(&OFFERED.parameters(written.query)?)?;
        explained(&OFFERED, Operation::MergeEntity, written)
    }),
    route: |method| on(method, answer),
};

/// How the body is to be read and merged.
#[derive(Debug)]
struct How {
    simplified: bool,
    lang: Option<String>,
    observed_at: Option<DateTime>,
}

impl How {
    //= 6.5.3.4-3, 6.5.3.4-4, 6.5.3.4-5
    fn read(parameters: &Parameters<'_>) -> Result<Self, Problem> {
        // Where both are there, `format` decides (Table 6.5.3.4-1).
        let options = parameters.list("options")?;
        let of_options = options.first().copied();
        for (position, option) in &options {
            is_simplified("options", *position, option)?;
        }
        let format = parameters.text("format")?.map(|format| ("format", 0, format));
        let format = format.or(of_options.map(|(position, option)| ("options", position, option)));
        let lang = parameters.text("lang")?;
        if lang.is_some_and(|lang| !is_language_tag(lang)) {
            return Err(parameters.fault("lang", 0, "expected one language tag of RFC 5646"));
        }
        let observed_at = parameters.text("observedAt")?.map(DateTime::parse).transpose();
        Ok(Self {
            simplified: match format {
                Some((name, position, format)) => is_simplified(name, position, format)?,
                None => false,
            },
            lang: lang.map(str::to_owned),
            observed_at: observed_at.map_err(|error| parameters.fault("observedAt", 0, error))?,
        })
    }
}

//= 6.5.3.4-2
fn is_simplified(name: &str, position: usize, format: &str) -> Result<bool, Problem> {
    match format {
        "simplified" | "keyValues" => Ok(true),
        "normalized" | "concise" => Ok(false),
        other => Err(unknown_value(
            name,
            position,
            other,
            "expected `simplified` (or `keyValues`), `concise` or `normalized`",
        )),
    }
}

//= 6.5.3.4-1
async fn answer(
    State(gateway): State<Arc<Gateway>>,
    Path(id): Path<String>,
    scope: Scope,
    body: Body,
) -> Result<Response, Problem> {
    let parameters = OFFERED.parameters(scope.uri.query())?;
    let how = How::read(&parameters)?;
    let body = RequestBody::read(&OFFERED.method, body, &scope).await?;
    let simplified = how.simplified;
    let read = move |json: &[u8], names: &ngsi_ld::context::Context| match simplified {
        true => parse_simplified_fragment(json, names),
        false => parse_fragment(json, names, FragmentUse::Merge),
    };
    let (fragment, context) = body.read_as(&scope, read).await?;
    let target = Target::read(&id, &parameters, &context.context)?;
    target.check_is_of(fragment.id.as_ref())?;
    let merge = Update::Merge {
        fragment,
        observed_at: how.observed_at,
        lang: how.lang.map(Into::into),
    };
    update(&gateway, &scope, Operation::MergeEntity, target, merge).await
}
