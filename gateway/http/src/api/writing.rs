//! Writing entities. A write does not end with the request that asks for it: it is run beside it, and what was begun is
//! finished and told, whether somebody still waits for the answer or not.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use http::{HeaderValue, header};
use kakehashi_adapters::{AdapterError, Call, ErrorKind, Origin, Repeating};
use kakehashi_core::consumer::{Affiliation, Consumer};
use kakehashi_core::names::TenantId;
use kakehashi_federation::plan::Asker;
use kakehashi_federation::provide::{
    EntityChange, EntityChanged, MOST_AT_ONCE, NotTaken, Provider, Purge, PurgeRefusal, Purged, WatchedWrite, Watcher,
    Write, WriteRefusal,
};
use kakehashi_federation::registry::RegisteredSource;
use kakehashi_federation::ungranted::Ungranted;
use kakehashi_federation::{Question, gather};
use kakehashi_policy::Operation;
use kakehashi_revision::Revision;
use kakehashi_running::Gateway;
use kakehashi_runtime::tasks::BrokenOff;
use kakehashi_runtime::{Slots, TooMany};
use kakehashi_subscriptions::Subscriptions;
use ngsi_ld::update::NotApplied;
use ngsi_ld::{AttributeName, EntityId};
use tokio_util::sync::CancellationToken;

use super::hints::{Kind, of_core_name};
use super::scope::{Scope, asker};
use crate::problem::{ErrorType, Problem};
use crate::tags::Condition;

/// Which part of a request's time is left for the writes that were begun last, and for telling what became of each.
const PART_FOR_TELLING: u32 = 10;

/// What became of each write of a request.
pub(super) type Outcomes = Vec<Result<EntityChanged, WriteRefusal>>;

/// Makes the writes, in their order. When this is dropped, because the caller has left or its time is over, what
/// was begun is finished all the same, and nothing more is begun.
///
/// # Errors
/// 403 when the consumer belongs to no tenant and names none, 503 when too much is being written.
pub(super) async fn write(
    gateway: &Arc<Gateway>,
    scope: &Scope,
    operation: Operation,
    writes: Vec<Write>,
) -> Result<Outcomes, Problem> {
    let caller = CancellationToken::new();
    let _leaves = caller.clone().drop_guard();
    let call = scope.gathering(gateway).call;
    let writing = Writing {
        tenant: written_tenant(scope)?,
        gateway: Arc::clone(gateway),
        revision: Arc::clone(&scope.revision),
        consumer: Arc::clone(&scope.caller.0),
        operation,
        until: begins_until(call.deadline),
        call,
        caller,
        local: is_local(scope)?,
    };
    let written = gateway.tasks.writes.spawn_for(&scope.caller.0.id, writing.run(writes));
    Ok(written?.await?)
}

/// Makes one change, on the condition that the request names.
///
/// # Errors
/// Why nothing was written.
pub(super) async fn write_one(
    gateway: &Arc<Gateway>,
    scope: &Scope,
    operation: Operation,
    change: EntityChange,
) -> Result<EntityChanged, Problem> {
    let condition = Condition::of_change(&scope.headers)?;
    let consumer = scope.caller.0.id.as_str();
    let write_of = Write {
        change,
        precondition: condition.clone().map(|condition| condition.into_check(consumer)),
    };
    let outcomes = write(gateway, scope, operation, vec![write_of]).await?;
    let outcome = outcomes.into_iter().next().unwrap_or(Err(WriteRefusal::CallerLeft));
    outcome.map_err(|refusal| match (refusal, condition) {
        (WriteRefusal::PreconditionFailed, Some(condition)) => condition.unmet(),
        (refusal, _) => problem(&refusal),
    })
}

/// Purges: what became of each entity that was found.
///
/// # Errors
/// Why nothing was purged.
pub(super) async fn purge(
    gateway: &Arc<Gateway>,
    scope: &Scope,
    question: Question,
    purged: Purged,
    among: Option<HashSet<EntityId>>,
) -> Result<Vec<(EntityId, Result<EntityChanged, WriteRefusal>)>, Problem> {
    let caller = CancellationToken::new();
    let _leaves = caller.clone().drop_guard();
    let tenant = written_tenant(scope)?;
    let question = Question {
        tenant: Some(tenant.clone()),
        takes_writes: true,
        ..question
    };
    let purge = Purge {
        question: Arc::new(question),
        purged,
        among,
    };
    let request = scope.gathering(gateway);
    let writing = Writing {
        tenant,
        gateway: Arc::clone(gateway),
        revision: Arc::clone(&scope.revision),
        consumer: Arc::clone(&scope.caller.0),
        operation: Operation::PurgeEntity,
        until: begins_until(request.call.deadline),
        call: request.call.clone(),
        caller,
        local: is_local(scope)?,
    };
    let purging = writing.purge(Arc::new(purge), request);
    let purged = gateway.tasks.writes.spawn_for(&scope.caller.0.id, purging);
    purged?.await?.map_err(|refusal| match refusal {
        PurgeRefusal::Write(refusal) => problem(&refusal),
        PurgeRefusal::Question(refusal) => refusal.into(),
        PurgeRefusal::TooMany => Problem::new(ErrorType::TooManyResults, refusal.to_string()),
        PurgeRefusal::Unknown => Problem::later_as_said(refusal.to_string(), None),
    })
}

/// Whether nothing is handed on to a source beside the store (clause 6.3.18). Every operation that writes takes it, and has read
/// its parameters.
///
/// # Errors
/// 400
//= 6.3.18-1
fn is_local(scope: &Scope) -> Result<bool, Problem> {
    let query = scope.uri.query().unwrap_or_default();
    let mut values = query.split('&').filter_map(|pair| pair.strip_prefix("local="));
    match values.next() {
        None | Some("false") => Ok(false),
        Some("true") => Ok(true),
        Some(_) => Err(Problem::parameter("local", 0, "expected `true` or `false`")),
    }
}

/// Whose partition a write goes to: that of the tenant that the request names, or else of the consumer's own.
///
/// # Errors
/// 403 when the consumer belongs to no tenant and names none: there is nothing of its own to write to.
fn written_tenant(scope: &Scope) -> Result<TenantId, Problem> {
    if let Some(tenant) = &scope.tenant {
        return Ok(tenant.clone());
    }
    match &scope.caller.0.affiliation {
        Some(Affiliation::Tenant(tenant)) => Ok(tenant.clone()),
        _ => Err(Problem::new(
            ErrorType::Forbidden,
            "you belong to no tenant; name the one whose data you may write in NGSILD-Tenant",
        )),
    }
}

/// Why nothing was written, as the consumer is told.
//= 5.6.1.4-2, 5.6.2.4-2, 5.6.3.4-2, 5.6.4.4-4, 5.6.5.4-4, 5.6.6.4-2, 5.6.17.4-2, 5.6.18.4-2, 5.6.19.4-3
pub(super) fn problem(refusal: &WriteRefusal) -> Problem {
    let error_type = match refusal {
        WriteRefusal::Forbidden(ungranted) => {
            let detail = match ungranted {
                Ungranted::Everything | Ungranted::Uncovered | Ungranted::NotWhole | Ungranted::Id => {
                    ungranted.to_string()
                }
                Ungranted::HiddenPart(name) => format!("{ungranted}: {name}"),
                Ungranted::Type(name, why) => {
                    with_other_meaning(format!("{ungranted} ({why}): {name}"), Kind::Type, name.as_str())
                }
                Ungranted::Attribute(name, why) | Ungranted::SubAttribute(name, why) => {
                    with_other_meaning(format!("{ungranted} ({why}): {name}"), Kind::Attribute, name.as_str())
                }
            };
            return Problem::new(ErrorType::Forbidden, detail);
        }
        WriteRefusal::NotTaken(not_taken) => return Problem::new(ErrorType::Forbidden, told(not_taken)),
        WriteRefusal::NoSourceOf(name) => {
            let detail = with_other_meaning(refusal.to_string(), Kind::Attribute, name.as_str());
            return Problem::new(ErrorType::OperationNotSupported, detail);
        }
        WriteRefusal::Conflict => ErrorType::Conflict,
        WriteRefusal::NotWritable | WriteRefusal::Unsupported(_) => ErrorType::OperationNotSupported,
        WriteRefusal::Overloaded => ErrorType::TooManyRequests,
        WriteRefusal::AlreadyExists => ErrorType::AlreadyExists,
        WriteRefusal::NotFound => ErrorType::ResourceNotFound,
        WriteRefusal::CannotHold(_) => ErrorType::BadRequestData,
        WriteRefusal::NotApplied(not_applied) => return of_update(not_applied),
        WriteRefusal::PreconditionFailed | WriteRefusal::SeveralSources => ErrorType::PreconditionFailed,
        WriteRefusal::Late | WriteRefusal::CallerLeft => ErrorType::Unavailable,
        WriteRefusal::Source(error) => return failed(error),
        WriteRefusal::OnlySource(error) => return failed_alone(error),
    };
    Problem::new(error_type, refusal.to_string())
}

/// Why what was sent cannot be done to the entity, with the attribute that it is about.
//= 5.6.4.4-6, 5.6.5.4-5, 5.6.19.4-5, 6.5.3.4-2
fn of_update(not_applied: &NotApplied) -> Problem {
    let error_type = match not_applied.why.is_absence() {
        true => ErrorType::ResourceNotFound,
        false => ErrorType::BadRequestData,
    };
    let path: Vec<&str> = not_applied.path.iter().map(AttributeName::as_str).collect();
    let detail = match path.is_empty() {
        true => not_applied.to_string(),
        false => format!("{}: {not_applied}", path.join(".")),
    };
    Problem::new(error_type, detail)
}

/// What is not taken in, with the names that it is about.
fn told(not_taken: &NotTaken) -> String {
    match not_taken.names() {
        (Some(of), Some(name)) => {
            with_other_meaning(format!("{not_taken} ({of}): {name}"), Kind::Attribute, name.as_str())
        }
        (Some(of), None) => with_other_meaning(format!("{not_taken}: {of}"), Kind::Type, of.as_str()),
        (None, _) => not_taken.to_string(),
    }
}

/// Why a name is not taken, and that it is perhaps not the one that was meant: clients that name no @context of the gateway's
/// send the core one.
fn with_other_meaning(told: String, kind: Kind, iri: &str) -> String {
    match of_core_name(kind, iri) {
        Some(hint) => {
            let hint = format!("It may be only the name: {hint}");
            format!("{told}. {hint}")
        }
        None => told,
    }
}

/// What a write has failed by, as the consumer is told: whose trouble it is, and whether the same may be sent again.
fn failed(error: &AdapterError) -> Problem {
    match error.kind {
        ErrorKind::InsufficientStorage => {
            let detail =
                "nothing was written: the disk of the store is full; once there is room the same request works";
            return Problem::new(ErrorType::InsufficientStorage, detail);
        }
        ErrorKind::Unwritable => {
            let detail = "nothing was written: the store cannot be written now; try again";
            return Problem::later_as_said(detail, error.retry_after);
        }
        ErrorKind::Exhausted(exhausted) => return exhausted.into(),
        _ => {}
    }
    let whose = match error.origin {
        Origin::Consumer => "the source does not take this write of yours",
        Origin::Gateway => "the gateway could not have it written",
        Origin::Source => "the source has failed",
    };
    let repeated = match error.repeating {
        Repeating::IsSafe => "sending the same request again does no harm",
        Repeating::MayDoTwice => {
            "nobody knows whether it was written: look before you send the same request again, which may write it twice"
        }
    };
    let detail = format!("{whose}; {repeated}");
    // Some clients send again by themselves whatever is 503.
    if error.may_be_repeated() {
        return Problem::later_as_said(detail, error.retry_after);
    }
    let error_type = match (error.origin, error.kind) {
        (Origin::Consumer, _) => ErrorType::Forbidden,
        (_, ErrorKind::Timeout) => ErrorType::Timeout,
        _ => ErrorType::InternalError,
    };
    Problem::new(error_type, detail)
}

/// The same of a source that alone holds what was to be written, whose failure is that of the request (clause 6.3.17).
//= 6.3.17-4
fn failed_alone(error: &AdapterError) -> Problem {
    let problem = failed(error);
    match (error.kind, problem.error_type) {
        (ErrorKind::Timeout, _) => problem.of_type(ErrorType::Timeout),
        (_, ErrorType::InternalError | ErrorType::Unavailable) => problem.of_type(ErrorType::BadGateway),
        _ => problem,
    }
}

/// What a write needs, without its request.
#[derive(Debug)]
struct Writing {
    gateway: Arc<Gateway>,
    revision: Arc<Revision>,
    consumer: Arc<Consumer>,
    operation: Operation,
    tenant: TenantId,
    call: Call,
    caller: CancellationToken,
    until: Instant,
    local: bool,
}

/// Until when writes are begun that must be told by a deadline.
fn begins_until(deadline: Instant) -> Instant {
    let left = deadline.saturating_duration_since(Instant::now());
    deadline.checked_sub(left / PART_FOR_TELLING).unwrap_or(deadline)
}

impl Writing {
    async fn purge(
        self,
        purge: Arc<Purge>,
        request: gather::Request,
    ) -> Result<Vec<(EntityId, Result<EntityChanged, WriteRefusal>)>, PurgeRefusal> {
        let asker = asker(&self.revision, &self.consumer, self.operation);
        let watcher = self.watcher();
        Box::pin(self.provider(&asker, &watcher).purge(&purge, &request)).await
    }

    fn watcher(&self) -> SubscriptionWatcher<'_> {
        SubscriptionWatcher {
            subscriptions: &self.gateway.subscriptions,
            revision: &self.revision,
        }
    }

    fn provider<'a>(&'a self, asker: &'a Asker<'a>, watcher: &'a SubscriptionWatcher<'a>) -> Provider<'a> {
        Provider {
            asker,
            tenant: &self.tenant,
            call: &self.call,
            watcher,
            caller: &self.caller,
            until: self.until,
            local: self.local,
        }
    }

    async fn run(self, writes: Vec<Write>) -> Outcomes {
        let asker = asker(&self.revision, &self.consumer, self.operation);
        let watcher = self.watcher();
        let provider = self.provider(&asker, &watcher);
        let mut outcomes = Outcomes::with_capacity(writes.len());
        let mut writes = writes.into_iter();
        loop {
            let some: Vec<Write> = writes.by_ref().take(MOST_AT_ONCE).collect();
            if some.is_empty() {
                return outcomes;
            }
            // Not even asked for, so that nothing is spent on it.
            let made = match self.caller.is_cancelled() {
                true => some.iter().map(|_| Err(WriteRefusal::CallerLeft)).collect(),
                false if provider.is_late() => some.iter().map(|_| Err(WriteRefusal::Late)).collect(),
                false => Box::pin(provider.change(some)).await,
            };
            if self.caller.is_cancelled() {
                made.iter().for_each(|outcome| self.count_without_caller(outcome));
            }
            outcomes.extend(made);
        }
    }

    fn count_without_caller(&self, outcome: &Result<EntityChanged, WriteRefusal>) {
        self.gateway.metrics.record_write_without_caller(match outcome {
            Ok(_) => "finished",
            Err(WriteRefusal::CallerLeft) => "not_begun",
            Err(_) => "refused",
        });
    }
}

/// Tells the subscriptions of writes, under the revision of the request that writes.
#[derive(Debug)]
struct SubscriptionWatcher<'a> {
    subscriptions: &'a Arc<Subscriptions>,
    revision: &'a Arc<Revision>,
}

impl Watcher for SubscriptionWatcher<'_> {
    fn turns(&self, source: &RegisteredSource) -> Slots {
        self.subscriptions.turns(source)
    }

    fn begun(&self, source: &Arc<RegisteredSource>) -> Option<Box<dyn WatchedWrite>> {
        let write = self.subscriptions.begin_write(self.revision, source)?;
        Some(Box::new(write))
    }
}

impl From<TooMany> for Problem {
    fn from(error: TooMany) -> Self {
        let problem = Self::new(ErrorType::Unavailable, error.to_string());
        problem.with_header(header::RETRY_AFTER, HeaderValue::from_static("1"))
    }
}

impl From<BrokenOff> for Problem {
    fn from(_: BrokenOff) -> Self {
        let detail = "a fault of the gateway; the operator finds it by the request id";
        Self::new(ErrorType::InternalError, detail)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use axum::response::IntoResponse;
    use http::StatusCode;
    use kakehashi_adapters::SourceId;
    use kakehashi_resources::Exhausted;

    use super::*;

    #[test]
    fn a_write_that_failed_says_whether_it_may_be_sent_again_and_when() {
        let error = |kind| AdapterError::new(&SourceId::new("orion"), kind, "detail of the log");
        let said = |seconds| Some(Duration::from_secs(seconds));
        let (safe, unknown) = ("does no harm", "nobody knows whether");
        for (error, status, retry_after, says) in [
            (error(ErrorKind::Unreachable), 503, Some("5"), safe),
            (
                error(ErrorKind::Status(503)).to_be_repeated_after(said(9)),
                503,
                Some("9"),
                safe,
            ),
            (
                error(ErrorKind::Status(429)).to_be_repeated_after(said(99_999)),
                503,
                Some("3600"),
                safe,
            ),
            (error(ErrorKind::Timeout).may_have_been_done(), 504, None, unknown),
            (error(ErrorKind::Unreachable).may_have_been_done(), 500, None, unknown),
            (
                error(ErrorKind::Status(503))
                    .may_have_been_done()
                    .to_be_repeated_after(said(9)),
                500,
                None,
                unknown,
            ),
            (error(ErrorKind::Internal), 500, None, safe),
            (error(ErrorKind::Status(400)), 500, None, safe),
            (error(ErrorKind::Credential).of(Origin::Consumer), 403, None, safe),
            (error(ErrorKind::Unwritable), 503, Some("5"), "nothing was written"),
            (error(ErrorKind::InsufficientStorage), 507, None, "nothing was written"),
            (error(ErrorKind::Exhausted(Exhausted::Process)), 503, Some("1"), "busy"),
            (error(ErrorKind::Exhausted(Exhausted::Steps)), 403, None, "positions"),
        ] {
            let shown = error.to_string();
            let problem = problem(&WriteRefusal::Source(error));
            assert!(problem.detail.contains(says), "{shown}: {}", problem.detail);
            assert!(!problem.detail.contains("detail of the log"));
            let response = problem.into_response();
            assert_eq!(response.status(), StatusCode::from_u16(status).unwrap(), "{shown}");
            let after = response.headers().get(header::RETRY_AFTER);
            assert_eq!(after.map(|value| value.to_str().unwrap()), retry_after, "{shown}");
        }
    }
}
