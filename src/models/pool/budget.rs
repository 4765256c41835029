//! Keeps the resident memory of the process within `runtime.memory_budget`.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::config::ByteSize;
use crate::engine::{peak_resident_bytes, release_unused, reset_peak, resident_bytes};
use crate::error::Error;
use crate::models::cost::{self, Cost, CostSource, check, refusal};
use crate::models::loader::Loader;

/// Smaller changes are noise and not worth a write.
const NOISE: u64 = 1 << 20;

/// Fraction by which an input that needs less than the measurement lowers it.
const DECAY: u64 = 8;

/// Accounts of the models that are loaded or being loaded. Without a budget, only the order of their use is recorded.
pub(super) struct Budget {
    limit: Option<ByteSize>,
    /// Resident memory before any model was loaded.
    base: u64,
    clock: u64,
    accounts: BTreeMap<String, Account>,
    /// The model that is working, and the resident memory when it started.
    working: Option<(String, u64)>,
    /// Peak resident memory of the process so far; each measurement resets the system's own peak.
    highest: u64,
    /// Warnings about exceeding the budget since they were last requested.
    warnings: Vec<String>,
    resident: fn() -> Option<u64>,
    peak: fn() -> Option<u64>,
}

struct Account {
    name: String,
    cost: Cost,
    /// The cost that was last recorded.
    remembered: Option<Cost>,
    file: Option<PathBuf>,
    last_used: u64,
    loaded: bool,
    /// Growth of the process during the last use: the arena keeps most of it, and the next use may need as much again.
    recent: u64,
}

impl Account {
    /// Records the cost, unless it is about the same as recorded before.
    fn remember(&mut self) {
        let about = |before: &Cost| {
            before.loading.abs_diff(self.cost.loading) <= NOISE
                && before.loaded.abs_diff(self.cost.loaded) <= NOISE
                && before.working.abs_diff(self.cost.working) <= NOISE.max(before.working / 4)
                && before.worked_within == self.cost.worked_within
        };
        if self.cost.source == CostSource::Estimated || self.remembered.as_ref().is_some_and(about) {
            return;
        }
        if let Some(file) = &self.file {
            cost::write(file, &self.cost);
            self.remembered = Some(self.cost);
        }
    }

    /// Additional memory that its next use may need.
    fn needed(&self) -> u64 {
        if self.loaded { self.recent } else { self.cost.peak() }
    }
}

impl Budget {
    /// For a process that has not loaded any model yet.
    pub fn new(limit: Option<ByteSize>) -> Self {
        Self::measured_by(limit, resident_bytes, peak_resident_bytes)
    }

    fn measured_by(limit: Option<ByteSize>, resident: fn() -> Option<u64>, peak: fn() -> Option<u64>) -> Self {
        if limit.is_some() {
            release_unused();
        }
        let base = resident().unwrap_or(0);
        Budget {
            limit,
            base,
            clock: 0,
            accounts: BTreeMap::new(),
            working: None,
            highest: 0,
            warnings: Vec::new(),
            resident,
            peak,
        }
    }

    /// Opens the account of a model that is about to be loaded.
    ///
    /// # Errors
    /// [`Error::Budget`] if the model does not fit even alone.
    pub fn open(&mut self, key: &str, loader: &Loader) -> Result<(), Error> {
        if self.limit.is_none() {
            return Ok(());
        }
        let (cost, file) = loader.cost();
        self.open_account(key, loader.folder().common.name.clone(), cost, loader.graph_bytes(), file)
    }

    fn open_account(
        &mut self,
        key: &str,
        name: String,
        cost: Cost,
        graph_bytes: u64,
        file: Option<PathBuf>,
    ) -> Result<(), Error> {
        if let Some(budget) = self.limit {
            check(&name, cost, graph_bytes, ByteSize::from(self.base), budget)?;
        }
        self.accounts.insert(
            key.to_string(),
            Account { name, cost, remembered: None, file, last_used: 0, loaded: false, recent: 0 },
        );
        Ok(())
    }

    /// Whether the model needs more memory than is free now, not counting memory that is not in use.
    pub fn lacks_room(&self, key: &str) -> bool {
        let needed = self.accounts.get(key).map_or(0, Account::needed);
        self.is_above(needed)
    }

    /// When the model was last used, on a clock that counts uses; 0 if never.
    pub fn last_used(&self, key: &str) -> u64 {
        self.accounts.get(key).map_or(0, |account| account.last_used)
    }

    /// Records that a model was unloaded.
    pub fn closed(&mut self, key: &str) {
        if let Some(account) = self.accounts.remove(key) {
            release_unused();
            log::debug!("unloaded {} to stay within the memory budget", account.name);
        }
    }

    /// Starts to measure a load; returns the argument for [`Budget::loaded`].
    pub fn begin(&mut self) -> u64 {
        if self.limit.is_some() {
            self.reset_peak();
        }
        self.now()
    }

    fn reset_peak(&mut self) {
        self.highest = self.highest.max(self.peak_now());
        reset_peak();
    }

    /// Records that a model was loaded, starting from resident memory `before`.
    pub fn loaded(&mut self, key: &str, before: u64) {
        let (now, peak) = (self.now(), self.peak_now());
        let Some(account) = self.accounts.get_mut(key) else { return };
        let working = match account.cost.source {
            CostSource::Measured => account.cost.working,
            CostSource::Estimated => 0,
        };
        // The newest measurement replaces older ones, which may have been made beside something large.
        account.cost = Cost {
            loading: peak.saturating_sub(before),
            loaded: now.saturating_sub(before),
            working,
            worked_within: account.cost.worked_within,
            source: CostSource::Measured,
        };
        account.loaded = true;
        account.remember();
    }

    /// Records that a model was loaded while others worked; its memory cannot be separated from theirs, so it is not
    /// measured.
    pub fn loaded_beside(&mut self, key: &str) {
        if let Some(account) = self.accounts.get_mut(key) {
            account.loaded = true;
        }
    }

    /// Whether the process exceeds its budget now, not counting memory that is free inside it.
    pub fn exceeded(&self) -> bool {
        self.is_above(0)
    }

    /// Whether the process would exceed its budget with `more` bytes, not counting memory that is not in use.
    fn is_above(&self, more: u64) -> bool {
        let above = || self.limit.is_some_and(|limit| self.now().saturating_add(more) > limit.bytes());
        above() && {
            release_unused();
            above()
        }
    }

    /// Bytes that an input of `wanted` bytes may use now, [`u64::MAX`] without a budget; and those that it may use once
    /// all models are unloaded.
    pub fn free(&self, wanted: u64) -> (u64, u64) {
        let Some(limit) = self.limit else { return (u64::MAX, u64::MAX) };
        self.is_above(wanted);
        (limit.bytes().saturating_sub(self.now()), limit.bytes().saturating_sub(self.base))
    }

    /// Warnings about exceeding the budget since the last call, one line each.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings)
    }

    /// Error for a model that does not fit.
    pub fn refusal(&self, key: &str) -> Option<Error> {
        let account = self.accounts.get(key)?;
        self.too_much(&account.name, self.now().saturating_sub(self.base))
    }

    /// Records that a model starts to work while nothing else does.
    pub fn start(&mut self, key: &str) {
        self.settle();
        self.used(key);
        if self.limit.is_some() {
            self.reset_peak();
            self.working = Some((key.to_string(), self.now()));
        }
    }

    /// Records that a model starts to work beside others: their memory cannot be told apart, so it is not measured.
    pub fn start_beside(&mut self, key: &str) {
        self.working = None;
        self.used(key);
    }

    fn used(&mut self, key: &str) {
        self.clock += 1;
        if let Some(account) = self.accounts.get_mut(key) {
            account.last_used = self.clock;
        }
    }

    /// Records what an input needed after the model has finished or moved on to the next input. If it exceeded the
    /// budget, adds a warning: the work is done, and the next input may need less.
    pub fn settle(&mut self) {
        let (Some((key, start)), Some(limit)) = (self.working.take(), self.limit) else { return };
        let peak = self.peak_now();
        let Some(account) = self.accounts.get_mut(&key) else { return };
        let working = peak.saturating_sub(start);
        account.recent = working;
        let before = account.cost.working;
        account.cost.working = working.max(before - before.saturating_sub(working) / DECAY);
        if peak <= limit.bytes() {
            let within = account.cost.worked_within.map_or(limit.bytes(), |before| before.min(limit.bytes()));
            account.cost.worked_within = Some(within);
        } else {
            let peak = ByteSize::from(peak);
            let name = &account.name;
            self.warnings.push(format!("{name} grew the process to {peak}, above the memory budget of {limit}"));
        }
        account.remember();
    }

    fn too_much(&self, name: &str, taken: u64) -> Option<Error> {
        Some(refusal(name, taken, CostSource::Measured, ByteSize::from(self.base), self.limit?))
    }

    /// Resident memory; if the system does not report it, the sum of the costs of the loaded models.
    fn now(&self) -> u64 {
        let expected = || {
            let loaded = self.accounts.values().filter(|account| account.loaded);
            loaded.fold(self.base, |sum, account| sum.saturating_add(account.cost.loaded))
        };
        (self.resident)().unwrap_or_else(expected)
    }

    fn peak_now(&self) -> u64 {
        (self.peak)().unwrap_or_else(|| self.now())
    }
}

impl Drop for Budget {
    fn drop(&mut self) {
        // The last model's memory is recorded too.
        self.settle();
        if self.limit.is_some() {
            log::debug!("peak of resident memory: {} bytes", self.highest.max(self.peak_now()));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    thread_local! {
        static RESIDENT: Cell<u64> = const { Cell::new(0) };
        static PEAK: Cell<u64> = const { Cell::new(0) };
    }

    const MIB: u64 = 1 << 20;

    /// A process that uses `resident` MiB and used at most `peak` MiB.
    fn process(resident: u64, peak: u64) {
        RESIDENT.set(resident * MIB);
        PEAK.set(peak * MIB);
    }

    fn budget(mib: u64) -> Budget {
        Budget::measured_by(Some(ByteSize::from(mib * MIB)), || Some(RESIDENT.get()), || Some(PEAK.get()))
    }

    fn load(budget: &mut Budget, kind: &str, mib: u64, after: u64) -> Result<(), Error> {
        budget.open_account(kind, kind.to_string(), Cost::estimated(mib * MIB), mib * MIB, None)?;
        let before = budget.begin();
        process(after, after);
        budget.loaded(kind, before);
        budget.start(kind);
        Ok(())
    }

    #[test]
    fn a_model_lacks_room_until_others_are_closed() {
        process(50, 50);
        let mut budget = budget(300);
        load(&mut budget, "whisper", 50, 120).unwrap();
        load(&mut budget, "vad", 1, 121).unwrap();
        budget.start("whisper");
        assert!(budget.last_used("whisper") > budget.last_used("vad"));
        let cost = Cost {
            loading: 0,
            loaded: 150 * MIB,
            working: 50 * MIB,
            worked_within: None,
            source: CostSource::Measured,
        };
        budget.open_account("blip", "blip".into(), cost, 150 * MIB, None).unwrap();
        assert!(budget.lacks_room("blip"));
        budget.closed("whisper");
        process(60, 121);
        assert!(!budget.lacks_room("blip"));
    }

    #[test]
    fn what_models_take_side_by_side_is_not_noted() {
        process(50, 50);
        let mut budget = budget(256);
        load(&mut budget, "whisper", 50, 120).unwrap();
        budget.start_beside("whisper");
        process(200, 300);
        budget.settle();
        assert_eq!((budget.accounts["whisper"].cost.working, budget.take_warnings()), (0, vec![]));
    }

    #[test]
    fn what_cannot_fit_alone_is_refused_with_the_figures() {
        process(50, 50);
        let mut budget = budget(256);
        let error = load(&mut budget, "whisper", 300, 0).unwrap_err().to_string();
        for expected in ["300.0 MiB", "the size of its graphs", "50.0 MiB", "256.0 MiB"] {
            assert!(error.contains(expected), "{error}");
        }
        let cost = Cost {
            loading: 220 * MIB,
            loaded: 100 * MIB,
            working: 0,
            worked_within: None,
            source: CostSource::Measured,
        };
        let error = budget.open_account("blip", "blip".into(), cost, 80 * MIB, None).unwrap_err().to_string();
        assert!(error.contains("220.0 MiB (measured here)"), "{error}");
    }

    #[test]
    fn memory_of_inputs_is_recorded_and_decays_but_refuses_nothing() {
        process(50, 50);
        let mut budget = budget(256);
        load(&mut budget, "whisper", 50, 120).unwrap();
        process(150, 260);
        budget.settle();
        let warnings = budget.take_warnings();
        assert!(warnings[0].contains("260.0 MiB, above the memory budget of 256"), "{warnings:?}");
        let large = budget.accounts["whisper"].cost;
        assert_eq!((large.working, large.worked_within), (140 * MIB, None));
        // Smaller inputs lower it.
        for _ in 0..40 {
            process(150, 150);
            budget.start("whisper");
            process(150, 160);
            budget.settle();
        }
        let small = budget.accounts["whisper"].cost;
        assert!(small.working < 12 * MIB, "{}", small.working);
        assert_eq!((small.worked_within, budget.take_warnings()), (Some(256 * MIB), vec![]));
    }

    #[test]
    fn nothing_remembered_refuses_what_has_worked() {
        process(50, 50);
        let within = |budget: u64| Some(budget * MIB);
        let cost = |loading: u64, working: u64, worked_within| Cost {
            loading: loading * MIB,
            loaded: 70 * MIB,
            working: working * MIB,
            worked_within,
            source: CostSource::Measured,
        };
        let mut budget = budget(256);
        let mut open = |cost| budget.open_account("blip", "blip".into(), cost, 60 * MIB, None).is_ok();
        assert!(open(cost(70, 5_000, None)), "a large input");
        assert!(open(cost(400, 0, within(256))) && open(cost(400, 0, within(128))));
        assert!(!open(cost(400, 0, None)) && !open(cost(400, 0, within(512))));
    }

    #[test]
    fn without_a_budget_nothing_is_refused() {
        process(5000, 5000);
        let mut budget = Budget::measured_by(None, || Some(RESIDENT.get()), || Some(PEAK.get()));
        budget.start("whisper");
        budget.settle();
        assert!(budget.take_warnings().is_empty() && !budget.lacks_room("whisper") && !budget.exceeded());
    }
}
