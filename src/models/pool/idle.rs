//! Evicts idle models.

use std::sync::{Arc, Weak};
use std::thread;
use std::time::Duration;

use super::Pool;

/// Maximum time between two checks; a dropped pool is noticed within this time.
const LONGEST_PAUSE: Duration = Duration::from_secs(1);

/// Evicts the models of `pool` that have been idle for `after`, on a thread that ends with the pool.
pub(super) fn evict_after(after: Duration, pool: &Arc<Pool>) {
    let pool: Weak<Pool> = Arc::downgrade(pool);
    let pause = (after / 4).clamp(Duration::from_millis(10), LONGEST_PAUSE);
    thread::spawn(move || {
        loop {
            thread::sleep(pause);
            let Some(pool) = pool.upgrade() else { return };
            pool.evict_idle(after);
        }
    });
}
