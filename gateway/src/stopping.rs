//! Stopping: nothing more is taken, what runs is finished, what waits is delivered, and what is left then is named. Each
//! step has its own bounded time, and none takes from another's. Together they are less than what `deploy/` gives the
//! process before it is killed.

use std::time::Duration;

use kakehashi_core::names::TenantId;
use kakehashi_running::Gateway;
use tokio::sync::watch;

use kakehashi_runtime::Task;

/// How long writes that were begun may take after the last request: a little longer than the store waits for another
/// process that writes.
pub(crate) const FOR_WRITES: Duration = Duration::from_secs(12);

/// How long notifications that wait may take: twice as long as an endpoint may usually take to answer.
pub(crate) const FOR_NOTIFICATIONS: Duration = Duration::from_secs(10);

/// How long writing what became of them may take: as long as the state waits for another process that writes.
pub(crate) const FOR_RECORDS: Duration = Duration::from_secs(5);

/// How long closing the file of the state may take: what is in memory of it is written by then.
pub(crate) const FOR_CLOSING: Duration = Duration::from_secs(1);

/// How long requests of administrators may go on after everything else: who asks whether it is ready is answered.
pub(crate) const FOR_ADMINISTRATION: Duration = Duration::from_secs(1);

/// Somebody who accepts connections, and how it is told to end.
#[derive(Debug)]
pub(crate) struct Listening {
    /// Turns true when it is to end.
    pub(crate) shutdown: watch::Sender<bool>,
    /// What accepts. It ends with its last request, and bounds the time for that itself.
    pub(crate) accepting: Task<()>,
}

impl Listening {
    async fn end(&mut self) {
        // Nobody listens any more if it has ended already.
        let _ = self.shutdown.send(true);
        if let Err(error) = (&mut self.accepting).await {
            tracing::error!(%error, "a listener ended badly");
        }
    }
}

/// Stops in order. Administrators, and who asks whether the gateway is ready, are answered until the end.
pub(crate) async fn in_order(gateway: &Gateway, consumers: &mut Listening, administration: &mut Listening) {
    let (tasks, subscriptions) = (&gateway.tasks, &gateway.subscriptions);
    gateway.begin_stopping();
    // No other revision from now on, and nothing that begins by itself.
    tasks.watchers.cancel();
    tasks.periodic.cancel();
    tracing::info!("stopping: no more requests are taken");
    consumers.end().await;
    tracing::info!("stopping: the requests under way have ended");
    // What their callers have left behind.
    let (writes, state, revisions) = tokio::join!(
        tasks.writes.ended_within(FOR_WRITES),
        tasks.state.ended_within(FOR_WRITES),
        tasks.revisions.ended_within(FOR_WRITES),
    );
    if writes && state && revisions {
        tracing::info!("stopping: the writes that were begun have ended");
    } else {
        let (writes, state, revisions) = (tasks.writes.running(), tasks.state.running(), tasks.revisions.running());
        tracing::error!(
            writes,
            state,
            revisions,
            "stopping: writes that were begun are broken off"
        );
    }
    if subscriptions.delivered_within(FOR_NOTIFICATIONS).await {
        tracing::info!("stopping: the notifications that waited are sent");
    }
    name_what_is_lost(gateway);
    if tokio::time::timeout(FOR_RECORDS, subscriptions.write_records())
        .await
        .is_err()
    {
        tracing::error!("stopping: what became of notifications could not be written in time");
    }
    // Closed well, the file is whole without those that SQLite keeps beside it.
    if tokio::time::timeout(FOR_CLOSING, gateway.state.close()).await.is_err() {
        tracing::warn!("stopping: the file of the state could not be closed in time; it is whole all the same");
    }
    administration.end().await;
    for (kind, count) in tasks.running() {
        tracing::debug!(kind, count, "stopping: this ends with the process");
    }
    tracing::info!("stopped");
}

/// Gives up the notifications that are not sent yet, and says whose they are. Nothing waits for anything here.
pub(crate) fn name_what_is_lost(gateway: &Gateway) {
    let lost = gateway.subscriptions.give_up();
    let mut total: usize = 0;
    for lost in lost {
        total = total.saturating_add(lost.count);
        tracing::error!(
            owner = %lost.key.owner,
            tenant = lost.key.tenant.as_ref().map(TenantId::as_str),
            subscription = %lost.key.id,
            count = lost.count,
            "stopping: notifications that waited for their endpoint are lost"
        );
    }
    if total > 0 {
        tracing::error!(total, "stopping: so many notifications are lost");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kakehashi_server::{ConnectionLimits, LONGEST_END_OF_THREADS};

    #[test]
    fn the_steps_together_are_shorter_than_what_the_process_is_given_before_it_is_killed() {
        let steps = [
            ConnectionLimits::default().drain,
            LONGEST_END_OF_THREADS,
            FOR_WRITES,
            FOR_NOTIFICATIONS,
            FOR_RECORDS,
            FOR_CLOSING,
            FOR_ADMINISTRATION,
        ];
        let together: Duration = steps.iter().sum();
        for (file, key) in [
            (include_str!("../../deploy/kakehashi.service"), "TimeoutStopSec="),
            (include_str!("../../deploy/compose.yaml"), "stop_grace_period: "),
        ] {
            let given = file.lines().find_map(|line| line.trim().strip_prefix(key));
            let given = given.and_then(|given| given.strip_suffix('s')?.parse().ok());
            let given = Duration::from_secs(given.unwrap());
            assert!(together < given, "{together:?} is not below the {given:?} of {key}");
        }
    }
}
