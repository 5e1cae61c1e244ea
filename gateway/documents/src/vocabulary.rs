//! Short names in configuration and policy files: names in the gateway's own context, or IRIs.

use kakehashi_adapters::ngsi_v2::view_name;
use ngsi_ld::context::Context;
use ngsi_ld::{AttributeName, TypeName};

/// The entity type that a name in a file stands for: as it is shown, or as its source has it (`Air-Quality`).
pub fn expand_type(name: &str) -> Result<TypeName, String> {
    let expanded = Context::kakehashi().expand_written_type(name);
    expanded.map_err(|reason| format!("\"{name}\" is no entity type: {reason}"))
}

/// How a type is shown that a file calls as its source does, with characters that are shown escaped; `None`: there are none.
pub fn escaped_as_written(name: &str) -> Option<String> {
    let context = Context::kakehashi();
    // What is a name as it stands is not escaped.
    context.expand_type(name).err()?;
    let expanded = context.expand_written_type(name).ok()?;
    Some(context.compact(expanded.as_str()).into_owned())
}

/// The attribute that a name in a file stands for: as it is shown, or as its source has it (`wind-speed`). Published columns
/// have names that no term of the view can have, such as `避難者数 (総数)`: those stand for what the attribute of that name is
/// called in the view.
pub fn expand_attribute(name: &str) -> Result<AttributeName, String> {
    let context = Context::kakehashi();
    let of_column = || view_name(context, name).filter(|_| !name.is_ascii());
    let expanded = context.expand_written_attribute(name);
    expanded.or_else(|reason| of_column().ok_or_else(|| format!("\"{name}\" is no attribute name: {reason}")))
}

/// The name of an entity type in the files, where it has one; its IRI otherwise.
pub fn compact_type(r#type: &TypeName) -> String {
    Context::kakehashi().compact(r#type.as_str()).into_owned()
}

/// The name of an attribute in the files, where it has one; its IRI otherwise.
pub fn compact_attribute(name: &AttributeName) -> String {
    Context::kakehashi().compact(name.as_str()).into_owned()
}
