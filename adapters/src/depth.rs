//! How deep the values of a source may be nested. What is deeper is left out: whoever reads the answer, a
//! consumer's JSON parser included, must be able to.

use ngsi_ld::entity::parse::MAX_VALUE_DEPTH;

/// Whether a well-formed JSON text is nested deeper than a consumer may send.
pub(crate) fn is_too_deep(json: &str) -> bool {
    depth(json) > MAX_VALUE_DEPTH
}

/// How deep arrays and objects are nested in a well-formed JSON text.
fn depth(json: &str) -> usize {
    let (mut depth, mut deepest) = (0_usize, 0);
    let (mut in_string, mut escaped) = (false, false);
    for byte in json.bytes() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = in_string,
            b'"' => in_string = !in_string,
            b'{' | b'[' if !in_string => {
                depth += 1;
                deepest = deepest.max(depth);
            }
            b'}' | b']' if !in_string => depth = depth.saturating_sub(1),
            _ => {}
        }
    }
    deepest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn depth_counts_brackets_outside_of_texts() {
        assert_eq!(depth(r#"{"a":["[[[", {"\"{": 1}]}"#), 3);
    }
}
