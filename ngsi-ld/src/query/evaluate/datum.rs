//! What can be compared: the values that a path leads to.

use std::borrow::Cow;

use smallvec::SmallVec;

use crate::entity::{DateTime, Geometry, Number, TemporalType};

/// What a path leads to.
#[derive(Debug)]
pub(in crate::query) enum Target<'e> {
    /// One value.
    One(Datum<'e>),
    /// The elements of an array.
    Array(Data<'e>),
    /// The texts of a LanguageProperty, of which any is the value.
    Choice(Data<'e>),
}

/// Several values; one or two is the rule.
pub(in crate::query) type Data<'e> = SmallVec<[Datum<'e>; 2]>;

/// One value, as far as it can be compared.
#[derive(Debug)]
pub(in crate::query) enum Datum<'e> {
    String(Cow<'e, str>),
    Number(Number),
    Boolean(bool),
    DateTime(Cow<'e, DateTime>),
    Temporal(TemporalType, Cow<'e, str>),
    Uri(&'e str),
    /// The geometry of a GeoProperty: an object, which exists and equals nothing.
    Geometry(&'e Geometry),
    /// An object, an array inside of an array, or null, as JSON text: it exists, and equals nothing.
    Structure(&'e str),
}
