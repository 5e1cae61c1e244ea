//! Constants of a source.

use crate::table::{At, Table};

/// Names that a constant cannot have: the tenant has them.
const KNOWN: [&str; 2] = ["code", "name"];

/// `constants = { edition = "2026" }`: texts that a mapping takes into entities by name. `None`: something is wrong, and told.
#[must_use]
pub fn constants(table: &dyn Table) -> Option<Vec<(String, String)>> {
    if !table.has("constants") {
        return Some(Vec::new());
    }
    let named = table.named_texts("constants")?;
    if let Some((name, _)) = named.iter().find(|(name, _)| KNOWN.contains(name)) {
        let message = format!("`{name}` is known of the tenant, and no constant of a source");
        table.wrong(At::Value("constants"), message, Some("give it another name".to_owned()));
        return None;
    }
    let owned = named.into_iter().map(|(name, text)| (name.to_owned(), text.to_owned()));
    Some(owned.collect())
}
