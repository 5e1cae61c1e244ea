//! What takes many steps, taken so that others have their turn in between.

use std::task::Poll;

use kakehashi_resources::pause;
use ngsi_ld::query::Steps;

/// Steps between two looks at whether others wait, of some 100 ns each: a fifth of a turn.
const AT_ONCE: usize = 2_000;

/// Goes on with something until it has ended.
pub async fn to_the_end<T>(mut advance: impl FnMut(&mut Steps) -> Poll<T>) -> T {
    loop {
        let mut steps = Steps::new(AT_ONCE);
        if let Poll::Ready(end) = advance(&mut steps) {
            return end;
        }
        pause().await;
    }
}
