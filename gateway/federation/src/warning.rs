//! What is missing in an answer, told once for each source (clause 6.3.17).

use std::time::Duration;

use kakehashi_adapters::{AdapterError, ErrorKind, Flaw, LeftOut, Origin, SourceId};

/// What is missing of what a source holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Warning {
    /// Which source.
    pub source: SourceId,
    /// How much of it.
    pub missing: Missing,
}

/// How much of a source's part is missing, and why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Missing {
    /// All of it, or its count: it failed.
    Part(Failed),
    /// At least so many entities: something is wrong with them.
    Entities(u64),
    /// How many there are: more would have to be looked through for that than one request may.
    Count,
    /// At least so many entities, nothing else: other tenants speak for them, and say nothing of them here.
    OwnerMissing(u64),
}

/// How a source failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Failed {
    /// What happened.
    pub kind: ErrorKind,
    /// Whose trouble it is.
    pub origin: Origin,
    /// After how long the source wants to be asked again; `None`: it has not said.
    pub retry_after: Option<Duration>,
}

impl From<&AdapterError> for Failed {
    fn from(error: &AdapterError) -> Self {
        Self {
            kind: error.kind,
            origin: error.origin,
            retry_after: error.retry_after,
        }
    }
}

impl From<ErrorKind> for Failed {
    fn from(kind: ErrorKind) -> Self {
        Self {
            kind,
            origin: kind.origin(),
            retry_after: None,
        }
    }
}

impl Warning {
    /// The warning of what was left out of what a source has sent; `None`: nothing was.
    #[must_use]
    pub fn of_left_out(source: &SourceId, left_out: &LeftOut) -> Option<Self> {
        let total = left_out.total();
        let is_ownerless = left_out.of(Flaw::OwnerMissing) == total;
        (!left_out.is_empty()).then(|| Self {
            source: source.clone(),
            missing: if is_ownerless {
                Missing::OwnerMissing(total)
            } else {
                Missing::Entities(total)
            },
        })
    }

    /// The source of which more would have to be looked at than one request may.
    pub(super) fn of_too_many(&self) -> Option<SourceId> {
        let is_too_much = match self.missing {
            Missing::Part(failed) => matches!(failed.kind, ErrorKind::TooMany | ErrorKind::TooManyRequests(_)),
            _ => false,
        };
        is_too_much.then(|| self.source.clone())
    }

    /// Whether that is so because of how many requests it takes.
    pub(super) fn is_of_requests(&self) -> bool {
        matches!(self.missing, Missing::Part(failed) if matches!(failed.kind, ErrorKind::TooManyRequests(_)))
    }

    /// Whether it tells of entities of that source that are left out.
    #[must_use]
    pub fn is_of_left_out(&self, source: &SourceId) -> bool {
        self.source == *source && matches!(self.missing, Missing::Entities(_))
    }
}

impl From<&AdapterError> for Warning {
    fn from(error: &AdapterError) -> Self {
        Self {
            source: error.source_id.clone(),
            missing: Missing::Part(error.into()),
        }
    }
}

/// The warnings for the answers that failed, each source once.
pub fn of_errors<'a>(errors: impl IntoIterator<Item = &'a AdapterError>) -> Vec<Warning> {
    let mut warnings = Vec::new();
    add(&mut warnings, errors.into_iter().map(Warning::from));
    warnings
}

/// Adds warnings: of each source once that it has failed, and once how many of its entities are left out.
pub fn add(warnings: &mut Vec<Warning>, more: impl IntoIterator<Item = Warning>) {
    for warning in more {
        let mut of_source = warnings.iter_mut().filter(|earlier| earlier.source == warning.source);
        match warning.missing {
            Missing::Part(_) if of_source.any(|earlier| matches!(earlier.missing, Missing::Part(_))) => {}
            Missing::Entities(more) | Missing::OwnerMissing(more) => {
                let told = of_source.find_map(|earlier| match (&mut earlier.missing, warning.missing) {
                    (Missing::Entities(told), Missing::Entities(_))
                    | (Missing::OwnerMissing(told), Missing::OwnerMissing(_)) => Some(told),
                    _ => None,
                });
                match told {
                    Some(told) => *told = told.saturating_add(more),
                    None => warnings.push(warning),
                }
            }
            Missing::Count if warnings.iter().any(|told| told.missing == Missing::Count) => {}
            Missing::Part(_) | Missing::Count => warnings.push(warning),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warning(source: &str, missing: Missing) -> Warning {
        Warning {
            source: SourceId::new(source),
            missing,
        }
    }

    #[test]
    fn each_source_is_named_once_for_what_befell_it() {
        let (timeout, unreachable) = (
            Missing::Part(ErrorKind::Timeout.into()),
            Missing::Part(ErrorKind::Unreachable.into()),
        );
        let mut warnings = Vec::new();
        add(
            &mut warnings,
            [
                warning("a", Missing::Entities(2)),
                warning("b", timeout),
                warning("a", Missing::Entities(3)),
                warning("b", unreachable),
                warning("a", timeout),
            ],
        );
        assert_eq!(
            warnings,
            [
                warning("a", Missing::Entities(5)),
                warning("b", timeout),
                warning("a", timeout)
            ]
        );
    }
}
