//! Writing entities.
