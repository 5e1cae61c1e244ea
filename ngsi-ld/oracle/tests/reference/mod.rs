//! The reference processor, and both sides' contexts.

#![allow(dead_code, reason = "no test needs all of it")]

use json_ld::syntax::{self, Parse, Print, TryFromJson};
use json_ld::{JsonLdProcessor, NoLoader, RemoteContextReference, RemoteDocument};
use ngsi_ld::context::{CORE_CONTEXT, Context, ContextBuilder, DEFAULT_VOCABULARY};
use serde_json::{Value, json};

/// A document as the reference processor compacts it with a context.
pub(crate) fn compacted(document: &Value, context: &Value) -> Result<Value, String> {
    let parse = |json: &Value| syntax::Value::parse_str(&json.to_string()).map(|(value, _)| value);
    let document = parse(document).map_err(|error| error.to_string())?;
    let context = parse(context).map_err(|error| error.to_string())?;
    let context = syntax::Context::try_from_json(context).map_err(|_| "no context".to_owned())?;
    let context = RemoteContextReference::Loaded(RemoteDocument::new(None, None, context));
    let input: RemoteDocument = RemoteDocument::new(None, None, document);
    let compact =
        futures::executor::block_on(input.compact(context, &NoLoader)).map_err(|error| format!("{error:?}"))?;
    serde_json::from_str(&compact.compact_print().to_string()).map_err(|error| error.to_string())
}

/// A document whose names are all expanded.
pub(crate) fn expanded(document: &Value) -> Result<Value, String> {
    compacted(document, &json!({}))
}

/// The user's contexts, then the core, whose vocabulary also gives IRIs to terms that the user defines without one.
pub(crate) fn with_core(user: &[Value]) -> Value {
    let core: Value = serde_json::from_str(CORE_CONTEXT).unwrap();
    let first = json!({ "@vocab": DEFAULT_VOCABULARY });
    std::iter::once(&first)
        .chain(user)
        .chain([&core["@context"]])
        .cloned()
        .collect()
}

pub(crate) fn ours(user: &[Value]) -> Result<Context, String> {
    let builder = Context::builder().value(&Value::from(user.to_vec()).to_string());
    builder
        .and_then(ContextBuilder::build)
        .map_err(|error| error.to_string())
}
