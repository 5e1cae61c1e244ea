//! What a regular expression says in plain text: systems that look for a part of a text are asked for that.

use ngsi_ld::query::Pattern;

/// The longest text that every match of the pattern holds, for patterns that consist of plain text and `.*`.
pub fn longest_literal(pattern: &Pattern) -> Option<&str> {
    let pattern = pattern.as_str();
    let pattern = pattern.strip_prefix('^').unwrap_or(pattern);
    let pattern = pattern.strip_suffix('$').unwrap_or(pattern);
    let is_literal = |part: &&str| {
        part.chars()
            .all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '/'))
    };
    let parts: Vec<&str> = pattern.split(".*").collect();
    if !parts.iter().all(is_literal) {
        return None;
    }
    parts
        .into_iter()
        .max_by_key(|part| part.len())
        .filter(|part| !part.is_empty())
}
