//! stub
use crate::{AttributeName, Entity};
/// stub
#[derive(Debug, Clone)]
pub enum Update {}
/// stub
#[derive(Debug, Clone)]
pub struct Applied {
    /// stub
    pub entity: Entity,
    /// stub
    pub updated: Vec<AttributeName>,
    /// stub
    pub not_updated: Vec<NotUpdated>,
}
/// stub
#[derive(Debug, Clone, PartialEq)]
pub struct NotUpdated {}
/// stub
#[derive(Debug, Clone, thiserror::Error)]
#[error("stub")]
pub enum NotApplied {}
impl Update {
    /// stub
    pub fn apply(&self, _: &Entity) -> Result<Applied, NotApplied> {
        match *self {}
    }
    /// stub
    pub fn covers_all(&self) -> bool {
        match *self {}
    }
}
