//! The prefecture's own store.
