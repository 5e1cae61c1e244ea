//! From IRIs to names (clause 5.5.7): what expands to an IRI, and nothing else, is its name.

use std::borrow::Cow;

use compact_str::CompactString;
use hashbrown::HashMap;

use super::{Context, DEFAULT_VOCABULARY, Meaning, Term, check_name};
use crate::Iri;

impl Context {
    /// Completes the tables that lead from IRIs to names.
    pub(super) fn of_terms(terms: HashMap<CompactString, Term>) -> Self {
        let mut names: HashMap<Iri, CompactString> = HashMap::with_capacity(terms.len());
        let mut prefixes = Vec::new();
        for (name, term) in &terms {
            let Meaning::Iri(iri) = &term.meaning else { continue };
            if term.prefix {
                prefixes.push((iri.clone(), name.clone()));
            }
            let rank = |name: &CompactString| {
                let core = terms.get(name).is_some_and(|term| term.core);
                (!core, name.len())
            };
            let better = |present: &CompactString| (rank(name), name) < (rank(present), present);
            if names.get(iri).is_none_or(better) {
                names.insert(iri.clone(), name.clone());
            }
        }
        prefixes.sort_by(|(iri_a, name_a), (iri_b, name_b)| {
            (iri_b.as_str().len(), name_a).cmp(&(iri_a.as_str().len(), name_b))
        });
        Self { terms, names, prefixes }
    }

    /// The text of a value that is no name of this context and [stands for this IRI](Self::expand_value) all the same.
    pub(crate) fn text_of_value<'a>(&self, iri: &'a str) -> Option<&'a str> {
        let text = iri.strip_prefix(DEFAULT_VOCABULARY)?;
        let is_name = self.names.contains_key(iri) || (check_name(text).is_ok() && !self.terms.contains_key(text));
        let stands_for_it = || self.expand_value(text).is_ok_and(|expanded| expanded.as_str() == iri);
        (!is_name && stands_for_it()).then_some(text)
    }

    /// The name of an IRI in this context: its term, else the part after the default vocabulary, else the shortest
    /// `prefix:name` (of equally short ones, the first in order of text), else the IRI itself. It always expands to
    /// the same IRI again.
    #[must_use]
    //= 5.5.7-2, 5.5.7-7
    pub fn compact<'a>(&'a self, iri: &'a str) -> Cow<'a, str> {
        if let Some(name) = self.names.get(iri) {
            return Cow::Borrowed(name);
        }
        if let Some(name) = iri.strip_prefix(DEFAULT_VOCABULARY) {
            // A context may have given the same short name to another IRI.
            if !self.terms.contains_key(name) && check_name(name).is_ok() {
                return Cow::Borrowed(name);
            }
        }
        let mut best: Option<String> = None;
        for (namespace, prefix) in &self.prefixes {
            let Some(rest) = iri.strip_prefix(namespace.as_str()) else {
                continue;
            };
            let length = prefix.len() + 1 + rest.len();
            let is_better = |name: &String| (length, prefix.as_str()) < (name.len(), name.as_str());
            // Clause 4.6.2: what follows the prefix is a name itself, no path.
            if !best.as_ref().is_none_or(is_better) || check_name(rest).is_err() {
                continue;
            }
            let name = format!("{prefix}:{rest}");
            if !self.terms.contains_key(name.as_str()) {
                best = Some(name);
            }
        }
        if let Some(name) = best {
            return Cow::Owned(name);
        }
        Cow::Borrowed(iri)
    }
}
