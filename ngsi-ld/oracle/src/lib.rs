//! Nothing of its own: the tests of this crate hold the JSON-LD of the view against a reference processor, which the
//! crates that are shipped do without.
