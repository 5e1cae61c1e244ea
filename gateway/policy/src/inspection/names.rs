//! Names of attributes and types: the same few stand in every entity of an answer, most often in the same memory. Each
//! thread remembers those that it has looked through lately and in which there is nothing.

use std::cell::RefCell;

use ngsi_ld::Iri;

use super::text;

/// Names that a thread remembers: of a few types at once. A name has its place by where it lies in memory, so that looking
/// for it takes one comparison; another that has the same place takes it over.
const REMEMBERED: usize = 256;

thread_local! {
    static HARMLESS: RefCell<Box<[Option<Iri>]>> = RefCell::new(vec![None; REMEMBERED].into());
}

/// Whether a name may hold what a rule looks for.
pub(super) fn is_suspicious(name: &Iri) -> bool {
    HARMLESS.with_borrow_mut(|harmless| {
        let Some(place) = harmless.get_mut(place_of(name)) else {
            return text::is_suspicious(name.as_str());
        };
        // What is remembered keeps its memory, so that no other name can come to lie there.
        if place.as_ref().is_some_and(|known| known.is_same(name)) {
            return false;
        }
        let is_suspicious = text::is_suspicious(name.as_str());
        if !is_suspicious {
            *place = Some(name.clone());
        }
        is_suspicious
    })
}

fn place_of(name: &Iri) -> usize {
    // Names lie at multiples of 8 or 16, often in a row.
    let address = name.as_str().as_ptr().addr() >> 3;
    (address ^ (address >> 8)) % REMEMBERED
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_judged_by_its_text_wherever_it_lies_and_however_often() {
        let names: Vec<Iri> = (0..2 * REMEMBERED)
            .map(|number| match number % 3 {
                0 => Iri::new(format!("https://example.org/taro{number}@example.com")),
                _ => Iri::new(format!("https://example.org/name{number}")),
            })
            .collect();
        for _ in 0..3 {
            for name in &names {
                assert_eq!(is_suspicious(name), text::is_suspicious(name.as_str()), "{name}");
                let elsewhere = name.unshared();
                assert_eq!(is_suspicious(&elsewhere), text::is_suspicious(name.as_str()), "{name}");
            }
        }
        assert!(is_suspicious(&names[0]) && !is_suspicious(&names[1]));
    }
}
