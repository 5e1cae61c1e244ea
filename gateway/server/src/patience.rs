//! How long somebody is waited for, and how slow they may be: a least rate, averaged over a stretch of time. Only the
//! time counts in which somebody waits.

use std::future::Future;
use std::pin::Pin;
use std::task::Context;
use std::time::Duration;

use tokio::time::{Instant, Sleep, sleep_until};

/// Bytes a second that whoever reads an answer or sends a body must move in the long run. A mobile line that is throttled
/// to 128 kbit/s, as contracts in Japan do when a month's data are used up, moves 16,000: eight downloads at once on
/// such a line still pass. Whoever reads 2 KB in 10 s does not.
pub(super) const LEAST_RATE: u64 = 2048;

/// What is left of somebody's patience: it runs out while it waits, and each byte that moves gives some back.
#[derive(Debug)]
pub(super) struct Patience {
    most: Duration,
    left: Duration,
    /// Bytes a second; `None`: any byte gives all of it back.
    rate: Option<u64>,
    waiting: Option<Instant>,
    timer: Option<Pin<Box<Sleep>>>,
}

impl Patience {
    /// For whoever must move a byte within this time.
    pub(super) fn for_any(most: Duration) -> Self {
        Self {
            most,
            left: most,
            rate: None,
            waiting: None,
            timer: None,
        }
    }

    /// For whoever must move [`LEAST_RATE`], averaged over this time.
    pub(super) fn for_rate(most: Duration) -> Self {
        Self {
            rate: Some(LEAST_RATE),
            ..Self::for_any(most)
        }
    }

    /// Something has moved: so many bytes.
    pub(super) fn moved(&mut self, bytes: usize) {
        let waited = self.waiting.take();
        // Where any byte gives all of it back, nothing was ever taken away.
        let Some(rate) = self.rate else { return };
        if let Some(since) = waited {
            self.left = self.left.saturating_sub(since.elapsed());
        }
        if self.left < self.most {
            let given = Duration::from_micros((bytes as u64).saturating_mul(1_000_000) / rate);
            self.left = self.left.saturating_add(given).min(self.most);
        }
    }

    /// What has been waited for so far does not count, as if it had begun at this time.
    pub(super) fn count_from(&mut self, since: Instant) {
        self.waiting = Some(since);
    }

    /// Nothing moves. Says whether that was so for too long; whoever polls is woken when it will be.
    pub(super) fn has_run_out(&mut self, cx: &mut Context<'_>) -> bool {
        let since = *self.waiting.get_or_insert_with(Instant::now);
        let until = since + self.left;
        let timer = self.timer.get_or_insert_with(|| Box::pin(sleep_until(until)));
        // It may have been set for an earlier wait: setting it costs more than being woken in vain once.
        while timer.as_mut().poll(cx).is_ready() {
            if Instant::now() >= until {
                return true;
            }
            timer.as_mut().reset(until);
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use std::future::poll_fn;
    use std::task::Poll;

    use super::*;

    /// Waits for so long without anything moving, and says whether that was too long.
    async fn waits(patience: &mut Patience, time: Duration) -> bool {
        let mut end = Box::pin(tokio::time::sleep(time));
        poll_fn(|cx| {
            if patience.has_run_out(cx) {
                return Poll::Ready(true);
            }
            end.as_mut().poll(cx).map(|()| false)
        })
        .await
    }

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn any_byte_gives_everything_back_where_no_rate_is_asked() {
        let mut patience = Patience::for_any(60 * SECOND);
        for _ in 0..10 {
            assert!(!waits(&mut patience, 59 * SECOND).await);
            patience.moved(1);
        }
        assert!(waits(&mut patience, 61 * SECOND).await);
    }

    #[tokio::test(start_paused = true)]
    async fn two_kilobytes_in_ten_seconds_are_too_slow() {
        let mut patience = Patience::for_rate(45 * SECOND);
        let mut read = 0;
        while !waits(&mut patience, 10 * SECOND).await {
            patience.moved(2000);
            read += 2000;
            assert!(read < 20_000, "it is never cut off");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_throttled_line_is_waited_for_however_its_bytes_are_bunched() {
        // 16,000 bytes a second shared by eight downloads, from a segment at a time to half a megabyte at a time.
        for bunch in [1460, 16_000, 64_000] {
            let mut patience = Patience::for_rate(45 * SECOND);
            for _ in 0..100 {
                let time = Duration::from_secs_f64(f64::from(bunch) / 2050.0);
                assert!(!waits(&mut patience, time).await, "in bunches of {bunch}");
                patience.moved(usize::try_from(bunch).unwrap());
            }
        }
        let mut alone = Patience::for_rate(45 * SECOND);
        for _ in 0..10 {
            assert!(!waits(&mut alone, 30 * SECOND).await);
            alone.moved(480_000);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn time_in_which_nobody_waits_does_not_count() {
        let mut patience = Patience::for_rate(5 * SECOND);
        for _ in 0..100 {
            assert!(!waits(&mut patience, SECOND).await);
            patience.moved(2048);
            tokio::time::sleep(60 * SECOND).await;
        }
    }
}
