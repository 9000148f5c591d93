//! A gate through which only so many can be at a time: those that connect, so that one after the other is done.

use std::sync::{Arc, Condvar, Mutex, PoisonError};

/// The gate.
#[derive(Clone)]
pub(super) struct Gate(Arc<GateState>);

struct GateState {
    /// The number of those that may still enter.
    free: Mutex<usize>,
    left: Condvar,
}

/// The permission to be inside, until it is dropped.
pub(super) struct GatePass(Gate);

impl Gate {
    /// Returns a gate for so many at a time.
    pub(super) fn of(most: usize) -> Self {
        Self(Arc::new(GateState {
            free: Mutex::new(most),
            left: Condvar::new(),
        }))
    }

    /// Waits until there is room.
    pub(super) fn enter(&self) -> GatePass {
        let free = self.0.free.lock().unwrap_or_else(PoisonError::into_inner);
        let free = self.0.left.wait_while(free, |free| *free == 0);
        *free.unwrap_or_else(PoisonError::into_inner) -= 1;
        GatePass(self.clone())
    }
}

impl Drop for GatePass {
    fn drop(&mut self) {
        let GateState { free, left } = &*self.0.0;
        *free.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        left.notify_one();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;
    use std::time::Duration;

    use super::*;

    #[test]
    fn no_more_are_inside_than_there_is_room_for() {
        let gate = Gate::of(3);
        let (inside, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..20 {
                scope.spawn(|| {
                    let _pass = gate.enter();
                    most.fetch_max(inside.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                    thread::sleep(Duration::from_millis(1));
                    inside.fetch_sub(1, Ordering::SeqCst);
                });
            }
        });
        assert_eq!((most.into_inner(), inside.into_inner()), (3, 0));
    }
}
