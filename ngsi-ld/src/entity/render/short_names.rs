//! Names as a context shortens them, remembered while a list is written: its entities have the same names, most often in
//! the same order.

use std::cell::RefCell;
use std::ops::Range;

use super::json::write_string;
use crate::Iri;
use crate::context::Context;

/// Names that are remembered: more than one type has attributes. It takes less to shorten others anew than to look
/// through so many.
const MOST: usize = 64;

/// Names as one context shortens them. It is given to everything that is written under that context, and to nothing else.
#[derive(Debug, Default)]
pub struct ShortNames(RefCell<Known>);

#[derive(Debug, Default)]
struct Known {
    /// Each with its place in the text.
    names: Vec<(Iri, Range<usize>)>,
    /// The short names as JSON, one behind the other.
    json: Vec<u8>,
    /// Where the next one stands, if the entity is like the one before it.
    expected: usize,
}

impl ShortNames {
    /// Appends a name as the context shortens it, a JSON string.
    pub(super) fn write(&self, context: &Context, iri: &Iri, out: &mut Vec<u8>) {
        let known = &mut *self.0.borrow_mut();
        let is_it = |(name, _): &(Iri, Range<usize>)| name == iri;
        let place = if known.names.get(known.expected).is_some_and(is_it) {
            Some(known.expected)
        } else {
            known.names.iter().position(is_it)
        };
        let place = match place {
            Some(place) => place,
            None if known.names.len() < MOST => {
                let start = known.json.len();
                write_string(&context.compact(iri.as_str()), &mut known.json);
                known.names.push((iri.clone(), start..known.json.len()));
                known.names.len() - 1
            }
            None => return write_string(&context.compact(iri.as_str()), out),
        };
        known.expected = place + 1;
        let text = known.names.get(place).and_then(|(_, at)| known.json.get(at.clone()));
        out.extend_from_slice(text.unwrap_or_default());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_written_as_its_context_shortens_it_however_often_and_in_whatever_order() {
        let context = Context::kakehashi();
        let known = ShortNames::default();
        let iris: Vec<Iri> = (0..MOST)
            .map(|number| format!("https://example.org/{number}"))
            .chain(
                ["name", "location", "a\"b"].map(|name| format!("https://uri.etsi.org/ngsi-ld/default-context/{name}")),
            )
            .map(Iri::new)
            .collect();
        for round in 0..4 {
            let in_some_order = iris.iter().cycle().skip(round * 7).step_by(round + 1).take(iris.len());
            for iri in in_some_order {
                let (mut written, mut expected) = (Vec::new(), Vec::new());
                known.write(context, &iri.unshared(), &mut written);
                write_string(&context.compact(iri.as_str()), &mut expected);
                assert_eq!(written, expected, "{iri}");
            }
        }
    }
}
