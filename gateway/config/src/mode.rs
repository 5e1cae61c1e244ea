//! `mode` of a source: how it stands to the others of its tenant (CIM 009 clauses 4.3.6.2 and 4.3.6.3), and what of the
//! same source contradicts it.

use kakehashi_adapters::kind::{Kind, Transport};

use super::provides::Provides;
use kakehashi_core::mode::Mode;
use kakehashi_documents::section::Section;

/// Reads the mode of a source. A store has none: it is what the others stand beside.
pub(super) fn read(section: &Section<'_>, kind: Option<&dyn Kind>) -> Mode {
    let modes = [Mode::Inclusive, Mode::Exclusive, Mode::Redirect, Mode::Auxiliary];
    let mode = section.choice("mode", &modes.map(|mode| (mode.as_str(), mode)));
    let is_store = kind.is_some_and(|kind| kind.transport() == Transport::Local);
    let mode = mode.unwrap_or_default();
    if is_store && mode != Mode::Inclusive {
        let message = format!(
            "`mode` in {} has no meaning: a store is where the gateway itself keeps what no other source alone holds",
            section.title()
        );
        let help = "take it out here, and say of the other source what it is to the store".to_owned();
        let place = section.key_place("mode").unwrap_or(section.place());
        section.report().error(place, message, help);
        return Mode::Inclusive;
    }
    mode
}

/// What a mode asks of the rest of its source.
//= 4.3.6.3-1
pub(super) fn check(section: &Section<'_>, mode: Mode, provides: &[Provides], is_writable: bool) {
    let place = section.key_place("mode").unwrap_or(section.place());
    if mode == Mode::Auxiliary && is_writable {
        let message = format!(
            "`mode = \"auxiliary\"` in {} does not go with `writable = true`: it is only asked, for what no other has",
            section.title()
        );
        let help = "take one of the two out".to_owned();
        section.report().error(place, message, help);
    }
    let is_narrow = |entry: &Provides| entry.id.is_some() && entry.attributes.is_some();
    if mode == Mode::Exclusive && !provides.iter().all(is_narrow) {
        let message = format!(
            "`mode = \"exclusive\"` in {} is for attributes of single entities: each entry of `provides` needs `id` and `attributes`",
            section.title()
        );
        let help = "write them, or mode = \"redirect\", which may be said of whole types".to_owned();
        section.report().error(place, message, help);
    }
}
