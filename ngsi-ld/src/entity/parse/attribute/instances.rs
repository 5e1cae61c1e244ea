//! The instances of an attribute while they are read.

use smallvec::SmallVec;

use super::super::MAX_INSTANCES;
use crate::Iri;
use crate::entity::{AttributeValue, Instance, Value};

/// The instances of an attribute that is read. Each is filled where it stays, and the first comes with its attribute:
/// moving them was a good part of the time of reading.
pub(in crate::entity::parse) struct Instances<'i> {
    instances: &'i mut SmallVec<[Instance; 1]>,
    pub(super) filled: usize,
}

/// What an instance says until its value is read, which depends on members that may follow.
pub(in crate::entity::parse) const NOT_READ_YET: AttributeValue = AttributeValue::Property(Value::Boolean(false));

impl<'i> Instances<'i> {
    /// The index of the next one, the one itself to be filled, and those before it; `None` when there are too many.
    pub(in crate::entity::parse) fn next(&mut self) -> Option<(usize, &mut Instance, &[Instance])> {
        if self.filled == MAX_INSTANCES {
            return None;
        }
        if self.filled > 0 {
            self.instances.push(Instance::new(NOT_READ_YET));
        }
        self.filled += 1;
        let (next, others) = self.instances.split_last_mut()?;
        Some((others.len(), next, others))
    }

    /// Says of which data set the one that was filled last is; `false` when another is of that.
    //= 4.5.1-2
    pub(super) fn set_dataset_id(&mut self, dataset_id: Option<Iri>) -> bool {
        let Some((last, others)) = self.instances.split_last_mut() else {
            return false;
        };
        last.dataset_id = dataset_id;
        others.iter().all(|other| other.dataset_id != last.dataset_id)
    }

    /// Into those.
    pub(in crate::entity::parse) fn into(instances: &'i mut SmallVec<[Instance; 1]>) -> Self {
        Self { instances, filled: 0 }
    }
}
