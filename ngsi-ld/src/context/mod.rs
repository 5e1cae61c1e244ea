//! JSON-LD @context.
