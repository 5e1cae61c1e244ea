//! Where in the list of all entities a page begins.

/// A place in the list: behind so many candidates of one source. It says nothing of an entity, and how many candidates there
/// are may be more than the consumer may know: it leaves the gateway sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Place {
    /// The place of the source among all ([`Registry::position`](crate::registry::Registry::position)).
    pub source: usize,
    /// Which of the questions to that source, where types of different grants make several.
    pub part: usize,
    /// So many candidates of it come before.
    pub position: usize,
    /// So many entities of the list are left out from there on, before the page begins.
    pub skipped: usize,
    /// So many ids others were asked for until then, to make what was shown whole.
    pub completed: usize,
}
