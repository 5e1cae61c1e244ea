//! Of which types a source has lately had entities that were left out.
//!
//! A source that decides a question by itself counts what would have to be left out, too: its total is then not what the
//! view shows. Once an entity of a type was found wrong, totals of that type are made by looking, for a while.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ngsi_ld::TypeName;

/// How long a type is remembered after an entity of it was last left out. Long enough that nobody who pages through
/// the source sees its total change to and fro; short enough that a source that was mended counts by itself again.
const REMEMBERED_FOR: Duration = Duration::from_secs(10 * 60);

/// Types that are remembered of one source. Beyond, the one that was found wrong the longest ago is forgotten.
const MOST_TYPES: usize = 256;

/// The types of one source.
#[derive(Debug, Default)]
pub struct Flawed(Mutex<Vec<(TypeName, Instant)>>);

impl Flawed {
    /// An entity of one of these types was left out. Whether that was not known of any of them.
    pub(super) fn note(&self, types: &[TypeName]) -> bool {
        let now = Instant::now();
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|(_, last)| now.duration_since(*last) < REMEMBERED_FOR);
        let mut is_new = true;
        for r#type in types {
            let before = known.len();
            known.retain(|(other, _)| other != r#type);
            is_new &= known.len() == before;
            known.push((r#type.clone(), now));
        }
        let too_many = known.len().saturating_sub(MOST_TYPES);
        known.drain(..too_many);
        is_new
    }

    /// Whether an entity of one of these types was left out lately.
    pub(super) fn includes_any(&self, types: &[TypeName]) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let mut lately = known.iter().filter(|(_, last)| last.elapsed() < REMEMBERED_FOR);
        lately.any(|(known, _)| types.contains(known))
    }
}

#[cfg(test)]
mod tests {
    use ngsi_ld::Iri;

    use super::*;

    fn types(names: impl IntoIterator<Item = usize>) -> Vec<TypeName> {
        let name = |number| TypeName::new(Iri::new(format!("urn:t:{number}")));
        names.into_iter().map(name).collect()
    }

    #[test]
    fn types_are_remembered_one_by_one() {
        let flawed = Flawed::default();
        assert!(flawed.note(&types([1, 2])));
        assert!(!flawed.note(&types([2, 3])));
        assert!(flawed.includes_any(&types([3, 9])) && !flawed.includes_any(&types([4])));
    }

    #[test]
    fn no_more_types_are_remembered_than_some() {
        let flawed = Flawed::default();
        flawed.note(&types(0..MOST_TYPES));
        flawed.note(&types([MOST_TYPES]));
        assert!(!flawed.includes_any(&types([0])) && flawed.includes_any(&types([1, MOST_TYPES])));
        assert_eq!(flawed.0.lock().unwrap().len(), MOST_TYPES);
    }
}
