//! Whether an empty answer is believed: an Orion that has lost its database gives it, too ([`super::database`]).

use std::time::Instant;

use ngsi_ld::TypeName;

use super::database::Emptiness;
use super::pages::{Source, is_list_of_something};
use super::plan::{Plan, one_entity_of};
use kakehashi_contract::{AdapterError, Call, ErrorKind};

impl Source {
    /// An empty answer is believed, unless the source may have lost what it asks for its entities. Whether it was asked for that, and
    /// has some.
    pub(super) async fn must_be_empty(&self, plan: &Plan, call: &Call) -> Result<bool, AdapterError> {
        let types: Vec<&TypeName> = plan.translation.types.iter().map(|provided| &provided.name).collect();
        let is_believed = |is_whole| self.database.has_nothing(&types, is_whole, Instant::now());
        let (mut emptiness, mut was_doubted) = (is_believed(plan.is_whole), false);
        if matches!(emptiness, Emptiness::Asks(_)) {
            // One asks for all who would.
            let _asking = self.database.asking.lock().await;
            emptiness = is_believed(plan.is_whole);
            if let Emptiness::Asks(held) = &emptiness {
                let response = self.client.get(&one_entity_of(held), &self.headers, call).await?;
                self.check(&response)?;
                let has_one = is_list_of_something(&response.body);
                was_doubted = true;
                emptiness = self.database.has_one(has_one, Instant::now());
            }
        }
        if emptiness == Emptiness::Believed {
            return Ok(was_doubted);
        }
        let detail = "it lists nothing of any type that it held a moment ago; is its database there?";
        Err(self.client.error(ErrorKind::Emptied, detail))
    }

    /// Of a question for whole types nothing came, although the source has others.
    pub(super) fn were_deleted(&self, plan: &Plan) {
        if plan.is_whole {
            let types: Vec<&TypeName> = plan.translation.types.iter().map(|provided| &provided.name).collect();
            self.database.were_deleted(&types);
        }
    }
}
