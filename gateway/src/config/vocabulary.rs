//! Short names in configuration and policy files: names in the gateway's own context, or IRIs.

use ngsi_ld::context::Context;
use ngsi_ld::{AttributeName, TypeName};

/// The entity type that a name in a file stands for.
pub(crate) fn expand_type(name: &str) -> Result<TypeName, String> {
    let expanded = Context::kakehashi().expand_type(name);
    expanded.map_err(|reason| format!("\"{name}\" is no entity type: {reason}"))
}

/// The attribute that a name in a file stands for.
pub(crate) fn expand_attribute(name: &str) -> Result<AttributeName, String> {
    let expanded = Context::kakehashi().expand_attribute(name);
    expanded.map_err(|reason| format!("\"{name}\" is no attribute name: {reason}"))
}

/// The name of an entity type in the files, where it has one; its IRI otherwise.
pub(crate) fn compact_type(r#type: &TypeName) -> String {
    Context::kakehashi().compact(r#type.as_str()).into_owned()
}

/// The name of an attribute in the files, where it has one; its IRI otherwise.
pub(crate) fn compact_attribute(name: &AttributeName) -> String {
    Context::kakehashi().compact(name.as_str()).into_owned()
}
