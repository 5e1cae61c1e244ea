//! Looking at entities as they arrive from a source: each is projected on the grant of the source's owner before anything
//! else looks at it, then judged by whoever asks. What has arrived is looked at together, where the request arrived as
//! long as that is short and by turns with others else.

use std::future::Future;
use std::ops::ControlFlow;
use std::pin::pin;
use std::sync::Arc;

use futures::StreamExt;
use kakehashi_adapters::{AdapterError, EntityStream, ErrorKind, Flaw, LeftOut, Yielded};
use kakehashi_resources::{Exhausted, Held, Resources, pause};
use ngsi_ld::Entity;
use ngsi_ld::entity::DateTime;
use std::time::SystemTime;

use super::plan::SubQuery;
use super::scan::{MAX_FROM_ONE_SOURCE, Scan};

/// How many entities are looked at together, of those that have arrived: enough that it costs nothing to hand them on.
pub(super) const TOGETHER: usize = 512;

/// What a source has yielded, as it comes.
pub(super) type Arrived = Vec<Result<Yielded, AdapterError>>;

/// Whoever looks at entities.
pub(super) trait Look: Send + 'static {
    /// Looks at an entity as the consumer may see it. `Break`: no other is wanted.
    ///
    /// # Errors
    /// That ends it: nothing of the source is shown.
    fn look(&mut self, entity: Entity) -> impl Future<Output = Result<ControlFlow<()>, AdapterError>> + Send;
}

/// Somebody who looks at what one source yields.
pub(super) struct Looking<L> {
    sub_query: Arc<SubQuery>,
    scan: Arc<Scan>,
    look: L,
    left_out: LeftOut,
}

impl<L: Look> Looking<L> {
    pub(super) fn new(sub_query: &Arc<SubQuery>, scan: &Arc<Scan>, look: L) -> Self {
        Self {
            sub_query: Arc::clone(sub_query),
            scan: Arc::clone(scan),
            look,
            left_out: LeftOut::default(),
        }
    }

    /// Looks at everything that comes.
    pub(super) async fn at_all(
        mut self,
        stream: EntityStream,
        resources: &Resources,
    ) -> Result<(L, LeftOut), AdapterError> {
        let mut stream = pin!(stream.ready_chunks(TOGETHER));
        while let Some(arrived) = stream.next().await {
            let source = self.sub_query.source.id.clone();
            let looking = async move { self.at(arrived).await.map(|flow| (self, flow)) };
            let looked = resources.compute_over_held(looking).await;
            let (this, flow) = looked.map_err(|exhausted| AdapterError::exhausted(&source, exhausted))??;
            self = this;
            if flow.is_break() {
                break;
            }
        }
        Ok((self.look, self.left_out))
    }

    async fn at(&mut self, arrived: Arrived) -> Result<ControlFlow<()>, AdapterError> {
        for yielded in arrived {
            let yielded = yielded?;
            self.scan.count(&self.sub_query)?;
            match yielded {
                Yielded::Entity(entity) => match visible_part(&self.sub_query, entity) {
                    Some(Yielded::Entity(visible)) => {
                        let flow = self.look.look(visible).await?;
                        if flow.is_break() {
                            return Ok(ControlFlow::Break(()));
                        }
                    }
                    Some(Yielded::LeftOut(flaw)) => self.left_out.add(flaw),
                    None => {}
                },
                Yielded::LeftOut(flaw) => self.left_out.add(flaw),
            }
            pause().await;
        }
        Ok(ControlFlow::Continue(()))
    }
}

/// What the consumer may see of an entity that a source has sent, of what is still valid; `None` when that is nothing. Where
/// another tenant speaks for it and cannot be heard, it is left out.
pub(super) fn visible_part(sub_query: &SubQuery, entity: Entity) -> Option<Yielded> {
    if !sub_query.source.provides(&entity) {
        return None;
    }
    let mut valid = entity.valid_at(|| DateTime::from_system_time(SystemTime::now()))?;
    let not_believed = sub_query.not_believed.as_deref();
    if not_believed.is_some_and(|not| !not.keep_believed(&sub_query.source, &mut valid)) {
        return None;
    }
    let stands_alone = sub_query.would_stand_alone(&valid);
    let visible = sub_query.source.release(&sub_query.grants, valid, &sub_query.audit)?;
    Some(if stands_alone {
        Yielded::LeftOut(Flaw::OwnerMissing)
    } else {
        Yielded::Entity(visible)
    })
}

/// Keeps all of them.
pub(super) struct Keep {
    sub_query: Arc<SubQuery>,
    pub(super) entities: Vec<Entity>,
    /// What is counted of them for the request.
    held: Held,
    /// Bytes of them that are not counted yet.
    uncounted: usize,
}

/// So many bytes of entities may be kept before they are counted: to count each by itself costs more than to look at it.
const COUNTED_TOGETHER: usize = 64 * 1024;

impl Keep {
    pub(super) fn new(sub_query: &Arc<SubQuery>, resources: &Resources) -> Self {
        Self {
            sub_query: Arc::clone(sub_query),
            entities: Vec::new(),
            held: resources.held(),
            uncounted: 0,
        }
    }

    /// The entities, with what is counted of them for the request.
    pub(super) fn finish(mut self) -> Result<(Vec<Entity>, Held), AdapterError> {
        self.count()?;
        Ok((self.entities, self.held))
    }

    fn count(&mut self) -> Result<(), AdapterError> {
        let counted = self.held.grow(std::mem::take(&mut self.uncounted));
        counted.map_err(|exhausted| AdapterError::exhausted(&self.sub_query.source.id, exhausted))
    }
}

impl Look for Keep {
    async fn look(&mut self, entity: Entity) -> Result<ControlFlow<()>, AdapterError> {
        let source = &self.sub_query.source.id;
        if self.entities.len() >= MAX_FROM_ONE_SOURCE {
            let detail = "the source has more entities than one request may look at";
            return Err(AdapterError::new(source, ErrorKind::TooMany, detail));
        }
        self.uncounted += entity.weight();
        if self.uncounted >= COUNTED_TOGETHER {
            self.count()?;
        }
        self.entities.push(entity);
        Ok(ControlFlow::Continue(()))
    }
}

/// Counts an entity that is kept.
pub(super) fn hold(held: &mut Held, entity: &Entity) -> Result<(), Exhausted> {
    held.grow(entity.weight())
}

/// Counts them and keeps none.
#[derive(Default)]
pub(super) struct Count(pub(super) u64);

impl Look for Count {
    async fn look(&mut self, _: Entity) -> Result<ControlFlow<()>, AdapterError> {
        self.0 = self.0.saturating_add(1);
        Ok(ControlFlow::Continue(()))
    }
}
