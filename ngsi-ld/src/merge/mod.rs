//! Joining the parts of one entity.
