//! Sequences that are written at the same time take their steps together: one run of the graph for all of them.
//!
//! Each sequence belongs to the thread that writes it. A thread that has chosen a token leaves it in its row; the thread that
//! finds the tokens of all rows there runs the graph, and the others wait for their logits. A row whose thread is late (it
//! waits for its client, for example) is left out of a step, so nobody waits for it longer than [`GRACE`].

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::engine::{CacheBuffer, CacheRows, EngineError, Graph};
use crate::support::request::Request;

/// Maximum number of rows; further sequences take their steps alone.
const MOST: usize = 8;

/// Maximum number of positions of a row. A longer sequence takes its steps alone: all rows have room for the longest.
const LONGEST: usize = 2048;

/// Rows have room for multiples of this many positions.
const BLOCK: usize = 128;

/// How long a step waits for rows whose next token is not chosen yet.
const GRACE: Duration = Duration::from_millis(5);

/// Steps after which vacant rows are given up. Until then a new sequence takes one without copying the others.
const PATIENCE: u32 = 4;

/// How often a waiting request checks whether it was cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// The rows of one model.
#[derive(Default)]
pub(super) struct Rows {
    state: Mutex<State>,
    changed: Condvar,
    /// Sequences that are being written, in rows or alone.
    written: AtomicUsize,
}

#[derive(Default)]
struct State {
    /// `None` while a step runs, and without rows.
    cache: Option<CacheRows>,
    running: bool,
    /// One for each row; `None` for vacant ones.
    seats: Vec<Option<Seat>>,
    next: u64,
    /// Steps that had vacant rows, one after the other.
    vacant: u32,
    /// When the last step ended.
    ended: Option<Instant>,
}

struct Seat {
    number: u64,
    /// Positions in use, and those that the sequence needs in the end.
    length: usize,
    needed: usize,
    /// The next token, once it is chosen.
    token: Option<i64>,
    outcome: Option<Result<Vec<f32>, EngineError>>,
}

/// The row of one sequence, vacant when dropped.
pub(super) struct Row<'a> {
    rows: &'a Rows,
    graph: &'a Graph,
    number: u64,
}

/// Ends a step that panics: its rows are lost, and the others' threads do not wait for them.
struct Running<'a>(&'a Rows);

/// Counts a sequence that is being written.
pub(super) struct Written<'a>(&'a Rows);

impl Rows {
    /// Counts one more sequence until the result is dropped.
    pub fn count(&self) -> Written<'_> {
        self.written.fetch_add(1, Ordering::Relaxed);
        Written(self)
    }

    /// A row that continues `sequence`; `None` if no other sequence is being written, or there is no room.
    ///
    /// # Errors
    /// [`EngineError`] if the rows cannot be allocated.
    pub fn join<'a>(&'a self, graph: &'a Graph, sequence: &CacheBuffer) -> Result<Option<Row<'a>>, EngineError> {
        let needed = sequence.capacity();
        if self.written.load(Ordering::Relaxed) < 2 || needed > LONGEST {
            return Ok(None);
        }
        let mut state = self.state();
        if state.used() == MOST {
            return Ok(None);
        }
        while state.running {
            state = self.wait(state, LOOK);
        }
        if state.used() == MOST {
            return Ok(None);
        }
        let fits = state.cache.as_ref().is_some_and(|cache| cache.capacity() >= needed);
        if !fits || state.used() == state.seats.len() {
            let rows = state.used() + 1;
            state.rebuild(graph, rows, needed)?;
        }
        let number = state.next;
        state.next += 1;
        let row = state.seats.iter().position(Option::is_none).unwrap_or_default();
        if let Some(cache) = &mut state.cache {
            cache.put(row, sequence)?;
        }
        state.seats[row] = Some(Seat { number, length: sequence.length(), needed, token: None, outcome: None });
        Ok(Some(Row { rows: self, graph, number }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&'a self, state: MutexGuard<'a, State>, at_most: Duration) -> MutexGuard<'a, State> {
        self.changed.wait_timeout(state, at_most).unwrap_or_else(PoisonError::into_inner).0
    }

    /// Runs a step of the rows whose tokens are there.
    fn step<'a>(&'a self, graph: &Graph, mut state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        if let Err(error) = state.give_up_vacant(graph) {
            log::debug!("vacant rows are kept: {error}");
        }
        let Some(mut cache) = state.cache.take() else { return state };
        let steps: Vec<(i64, usize)> = state
            .seats
            .iter()
            .map(|seat| match seat {
                None => (0, 1),
                // What a late row is fed is overwritten by its own token.
                Some(seat) => (seat.token.unwrap_or_default(), (seat.length + 1).min(cache.capacity())),
            })
            .collect();
        let stepped: Vec<bool> =
            state.seats.iter().map(|seat| seat.as_ref().is_some_and(|it| it.token.is_some())).collect();
        state.running = true;
        drop(state);
        let outcomes = {
            let _running = Running(self);
            graph.step_rows(&mut cache, &steps)
        };
        let mut state = self.state();
        state.running = false;
        state.ended = Some(Instant::now());
        state.cache = Some(cache);
        for ((seat, outcome), stepped) in state.seats.iter_mut().zip(outcomes).zip(stepped) {
            if let Some(seat) = seat.as_mut().filter(|_| stepped) {
                seat.token = None;
                seat.length += usize::from(outcome.is_ok());
                seat.outcome = Some(outcome);
            }
        }
        self.changed.notify_all();
        state
    }
}

impl State {
    fn used(&self) -> usize {
        self.seats.iter().flatten().count()
    }

    fn seat(&mut self, number: u64) -> Option<&mut Seat> {
        self.seats.iter_mut().flatten().find(|seat| seat.number == number)
    }

    /// How long a thread whose token is there since `since` waits for the others before it runs a step. Counts from the end of
    /// the last step: otherwise those who waited for it would start the next one without those who took part in it, and two
    /// halves would take turns.
    fn patience(&self, since: Instant, now: Instant) -> Duration {
        if self.seats.iter().flatten().all(|seat| seat.token.is_some()) {
            return Duration::ZERO;
        }
        let from = self.ended.map_or(since, |ended| ended.max(since));
        (from + GRACE).saturating_duration_since(now)
    }

    /// New rows, the first of which are those in use, with room for `needed` positions.
    fn rebuild(&mut self, graph: &Graph, rows: usize, needed: usize) -> Result<(), EngineError> {
        let longest = self.seats.iter().flatten().map(|seat| seat.needed).fold(needed, usize::max);
        let mut cache = graph.cache_rows(rows, longest.next_multiple_of(BLOCK))?;
        let mut seats = Vec::with_capacity(rows);
        if let Some(old) = &self.cache {
            for (row, seat) in self.seats.iter().enumerate() {
                if let Some(seat) = seat {
                    cache.take_over(seats.len(), old, row, seat.length)?;
                    seats.push(row);
                }
            }
        }
        let mut taken: Vec<Option<Seat>> = seats.into_iter().map(|row| self.seats[row].take()).collect();
        taken.resize_with(rows, || None);
        (self.seats, self.cache, self.vacant) = (taken, Some(cache), 0);
        Ok(())
    }

    fn give_up_vacant(&mut self, graph: &Graph) -> Result<(), EngineError> {
        let used = self.used();
        if used == self.seats.len() {
            self.vacant = 0;
            return Ok(());
        }
        self.vacant += 1;
        if self.vacant >= PATIENCE { self.rebuild(graph, used, 1) } else { Ok(()) }
    }
}

impl Row<'_> {
    /// Takes a step; returns the logits after `id`.
    ///
    /// # Errors
    /// [`EngineError`] if the graph fails, or the current request is stopped.
    pub fn step(&mut self, id: i64) -> Result<Vec<f32>, EngineError> {
        let request = Request::current();
        request.check().map_err(EngineError::Stopped)?;
        let mut state = self.rows.state();
        if let Some(seat) = state.seat(self.number) {
            seat.token = Some(id);
        }
        self.rows.changed.notify_all();
        let since = Instant::now();
        loop {
            let own = state.seat(self.number);
            if let Some(outcome) = own.and_then(|seat| seat.outcome.take()) {
                return outcome;
            }
            if !state.running && state.cache.is_none() {
                return Err(self.graph.lost_rows());
            }
            let patience = if state.running { LOOK } else { state.patience(since, Instant::now()) };
            state = match patience.is_zero() {
                true => self.rows.step(self.graph, state),
                false => self.rows.wait(state, patience),
            };
        }
    }
}

impl Drop for Row<'_> {
    fn drop(&mut self) {
        let mut state = self.rows.state();
        while state.running {
            state = self.rows.wait(state, LOOK);
        }
        let number = self.number;
        if let Some(seat) = state.seats.iter_mut().find(|seat| seat.as_ref().is_some_and(|it| it.number == number)) {
            *seat = None;
        }
        if state.used() == 0 {
            (state.cache, state.seats) = (None, Vec::new());
        }
        self.rows.changed.notify_all();
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.state().running = false;
            self.0.changed.notify_all();
        }
    }
}

impl Drop for Written<'_> {
    fn drop(&mut self) {
        self.0.written.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(token: Option<i64>) -> Option<Seat> {
        Some(Seat { number: 0, length: 1, needed: 9, token, outcome: None })
    }

    #[test]
    fn who_waited_for_a_step_waits_for_those_who_took_part_in_it() {
        let now = Instant::now();
        let step = 6 * GRACE;
        // One token was left while a step ran; the thread of the other row has only just got its logits.
        let mut state = State { seats: vec![seat(Some(7)), seat(None), None], ended: Some(now), ..State::default() };
        assert_eq!(state.patience(now - step, now), GRACE);
        assert_eq!(state.patience(now - step, now + GRACE), Duration::ZERO);
        assert_eq!(state.patience(now + GRACE, now + GRACE), GRACE, "its own token came later");
        state.seats[1] = seat(Some(8));
        assert_eq!(state.patience(now, now), Duration::ZERO, "all are there");
    }
}
