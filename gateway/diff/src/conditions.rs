//! Conditions of permits, compared by what they mean: the same words may name another area, and other words the same.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use kakehashi_policy::{Meaning, PermitConditions, PersonalData};
use ngsi_ld::query::{Area, Beyond};

/// What is asked of entities and requests, in the words of its owner. Two are the same if they mean the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Conditions {
    /// What they mean, apart from areas.
    meanings: Vec<String>,
    /// Which of all areas.
    area: Option<usize>,
    /// Where they grant anything; `None`: wherever they apply.
    only_in: Option<BTreeSet<Circumstance>>,
    pub(super) words: Vec<String>,
}

/// What a policy may look at beside the conditions of its permits: what the request is for, whether its caller is
/// identified, and what the source holds.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Circumstance {
    /// What the request states; none: it states none.
    pub(super) purpose: Option<Arc<str>>,
    pub(super) is_identified: bool,
    pub(super) personal_data: PersonalData,
}

/// How many positions and crossings of areas one comparison of a tenant's data measures, about a microsecond for each: the
/// longest boundaries that can be measured at all some ten times. What is not measured is told without its size.
const MOST_MEASURED: usize = 4_000_000;

/// All areas that one comparison meets, each once.
#[derive(Debug)]
pub(super) struct Areas {
    known: Vec<Arc<Area>>,
    /// How much of two lies beyond each other, as far as it was asked: that takes longer than everything else. `None`:
    /// they are too large to be measured.
    beyond: RefCell<HashMap<(usize, usize), Option<Beyond>>>,
    /// How much may be measured yet.
    room: Cell<usize>,
}

impl Default for Areas {
    fn default() -> Self {
        Self {
            known: Vec::new(),
            beyond: RefCell::default(),
            room: Cell::new(MOST_MEASURED),
        }
    }
}

impl Areas {
    fn position(&mut self, area: &Arc<Area>) -> usize {
        let is_same = |known: &Arc<Area>| Arc::ptr_eq(known, area) || known == area;
        self.known.iter().position(is_same).unwrap_or_else(|| {
            self.known.push(Arc::clone(area));
            self.known.len() - 1
        })
    }

    /// How much of two lies beyond each other; `None`: that cannot be said in a bounded time.
    fn beyond(&self, one: usize, other: usize) -> Option<Beyond> {
        if other < one {
            let Beyond { of_one, of_other } = self.beyond(other, one)?;
            return Some(Beyond {
                of_one: of_other,
                of_other: of_one,
            });
        }
        let measure = || {
            let (one, other) = self.known.get(one).zip(self.known.get(other))?;
            let mut room = self.room.get();
            let measured = one.measured_against(other, &mut room);
            self.room.set(room);
            measured.ok()
        };
        *self.beyond.borrow_mut().entry((one, other)).or_insert_with(measure)
    }
}

impl Conditions {
    pub(super) fn of(conditions: &PermitConditions, areas: &mut Areas) -> Self {
        let mut all = Self::default();
        for asked in conditions.asked() {
            match asked.meaning {
                None => all.meanings.push(asked.words.clone()),
                Some(Meaning::Filter(filter)) => all.meanings.push(format!("{filter:?}")),
                Some(Meaning::Scope(scope)) => all.meanings.push(format!("{scope:?}")),
                Some(Meaning::Area(area)) => all.area = Some(areas.position(area)),
            }
            all.words.push(asked.words);
        }
        all
    }

    /// The same, where they grant anything in some alone of the circumstances in which they apply.
    pub(super) fn only_in(mut self, granted: BTreeSet<Circumstance>, applying: &BTreeSet<Circumstance>) -> Self {
        self.words.push(where_granted(&granted, applying));
        self.only_in = Some(granted);
        self
    }

    fn key(&self) -> (&[String], Option<usize>, Option<&BTreeSet<Circumstance>>) {
        (&self.meanings, self.area, self.only_in.as_ref())
    }

    /// Whether these grant nothing in a circumstance in which the others do not.
    fn are_granted_within(&self, others: &Self) -> bool {
        match (&self.only_in, &others.only_in) {
            (_, None) => true,
            (None, Some(_)) => false,
            (Some(own), Some(others)) => own.is_subset(others),
        }
    }

    /// Whether whatever meets these meets the others as well, as far as areas and their absence tell. Areas that differ
    /// by less than can be measured, or by what is too large to be measured, are not within each other: that they differ has
    /// to be told.
    pub(super) fn are_within(&self, others: &Self, areas: &Areas) -> bool {
        if !self.are_granted_within(others) {
            return false;
        }
        let asks_nothing = others.meanings.is_empty() && others.area.is_none();
        if asks_nothing || (&self.meanings, self.area) == (&others.meanings, others.area) {
            return true;
        }
        let beyond = self.two_areas(others).and_then(|(own, other)| areas.beyond(own, other));
        beyond.is_some_and(|beyond| beyond.of_one < LEAST && beyond.of_other >= LEAST)
    }

    /// How the area has changed, if nothing else has.
    pub(super) fn change_of_area(&self, before: &Self, areas: &Areas) -> Option<String> {
        let (after, old) = self.two_areas(before)?;
        let within = |words: &&String| words.starts_with(WITHIN);
        let name = self.words.iter().find(within)?.strip_prefix(WITHIN)?;
        let Some(beyond) = areas.beyond(after, old) else {
            return Some(format!("area changed: {name}; too large to be measured"));
        };
        let (more, less) = (beyond.of_one, beyond.of_other);
        let how = match (more >= LEAST, less >= LEAST) {
            (true, false) => format!("larger by {}", in_words(more)),
            (false, true) => format!("smaller by {}", in_words(less)),
            (true, true) => format!("moved: {} more, {} less", in_words(more), in_words(less)),
            (false, false) => "by less than a square metre".to_owned(),
        };
        Some(format!("area changed: {name}, {how}"))
    }

    /// Both areas, where they are different and all else is the same.
    fn two_areas(&self, other: &Self) -> Option<(usize, usize)> {
        let is_all_else_the_same =
            self.meanings == other.meanings && self.only_in == other.only_in && self.area != other.area;
        self.area.zip(other.area).filter(|_| is_all_else_the_same)
    }
}

/// `for the purpose statistics, or for no stated purpose by a holder who is identified surely`
fn where_granted(granted: &BTreeSet<Circumstance>, applying: &BTreeSet<Circumstance>) -> String {
    let mut by_purpose: BTreeMap<Option<&str>, Vec<&Circumstance>> = BTreeMap::new();
    for one in granted {
        by_purpose.entry(one.purpose.as_deref()).or_default().push(one);
    }
    let each = by_purpose.into_iter().map(|(purpose, those)| {
        // What all of them are is worth a word where they apply to others as well.
        let are_all =
            |is_so: &dyn Fn(&Circumstance) -> bool| those.iter().all(|one| is_so(one)) && !applying.iter().all(is_so);
        let mut words = match purpose {
            Some(purpose) => format!("for the purpose {purpose}"),
            None => "for no stated purpose".to_owned(),
        };
        if are_all(&|one| one.is_identified) {
            words.push_str(" by a holder who is identified surely");
        } else if are_all(&|one| !one.is_identified) {
            words.push_str(" by a holder who is not identified");
        }
        if are_all(&|one| one.personal_data == PersonalData::None) {
            words.push_str(" from sources without personal data");
        } else if are_all(&|one| one.personal_data == PersonalData::Present) {
            words.push_str(" from sources that may hold personal data");
        }
        words
    });
    let each: Vec<String> = each.collect();
    each.join(", or ")
}

/// What the words of an area begin with.
const WITHIN: &str = "entities within ";

/// Square metres that computing with degrees may be wrong by.
const LEAST: f64 = 1.0;

/// `12 km²`, `0.34 km²`, `250 m²`
fn in_words(square_metres: f64) -> String {
    const KILOMETRE: f64 = 1e6;
    let kilometres = square_metres / KILOMETRE;
    if kilometres >= 10.0 {
        format!("{kilometres:.0} km²")
    } else if kilometres >= 0.01 {
        format!("{kilometres:.2} km²")
    } else {
        format!("{square_metres:.0} m²")
    }
}

impl PartialEq for Conditions {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Conditions {}

impl PartialOrd for Conditions {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Conditions {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.key().cmp(&other.key())
    }
}
