//! FIWARE Orion, and other platforms that speak NGSI-v2.
mod names;
pub mod translate;
