//! Custom platforms, described by a mapping file.
