//! The provider that each node of a graph runs on, as ONNX Runtime reports it while building a session.
//!
//! That a provider registered means nothing: ONNX Runtime asks it about each node and silently assigns the rest to the
//! CPU. The only report that every version since 1.17 produces is the verbose message "Node placements" in the
//! session's log; newer API functions do not exist in older libraries.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use ort::logging::{LogLevel, LoggerFunction};

use super::log::forward;
use super::providers::{ONNX_RUNTIME_NAMES, compiles};
use crate::config::Requirement;

/// The nodes of a graph by provider, as last reported by ONNX Runtime, after fusion and optimisation.
#[derive(Debug, Clone, PartialEq)]
pub struct Placement {
    providers: Vec<Placed>,
}

/// The part of a graph that runs on one provider.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct Placed {
    /// The name in device files, or ONNX Runtime's name if device files have none for it.
    pub provider: String,
    /// Number of its nodes; for a compiling provider (TensorRT, OpenVINO, Core ML, QNN), of compiled pieces of many
    /// nodes each.
    pub nodes: usize,
    /// Its share of the graph's nodes, 0 to 1. For a compiling provider it is the remainder after the other providers'
    /// nodes, relative to the nodes in the graph file.
    pub share: f64,
}

impl Placement {
    /// From the numbers of nodes by ONNX Runtime's provider names, and the number of nodes in the graph file.
    fn new(counts: &[(String, usize)], nodes_in_file: usize) -> Self {
        let named: Vec<(&str, usize)> = counts
            .iter()
            .map(|(name, nodes)| {
                let ours = ONNX_RUNTIME_NAMES.iter().find(|(theirs, _)| theirs == name);
                (ours.map_or(name.as_str(), |(_, ours)| *ours), *nodes)
            })
            .collect();
        let counted = |compiled: bool| {
            named.iter().filter(move |(name, _)| compiles(name) == compiled).map(|(_, nodes)| nodes).sum::<usize>()
        };
        let (compiled, plain) = (counted(true), counted(false));
        // The nodes of the file approximate those that were compiled; there are at least as many as pieces.
        let total = if compiled == 0 { plain } else { nodes_in_file.max(plain + compiled) };
        let share = |name: &str, nodes: usize| match (total, compiles(name)) {
            (0, _) => 0.0,
            (_, true) if compiled == 0 => 0.0,
            (_, false) => nodes as f64 / total as f64,
            (_, true) => (total - plain) as f64 / total as f64 * (nodes as f64 / compiled as f64),
        };
        let mut providers: Vec<Placed> = named
            .iter()
            .map(|&(name, nodes)| Placed { provider: name.to_string(), nodes, share: share(name, nodes) })
            .collect();
        providers.sort_by(|a, b| b.share.total_cmp(&a.share));
        Placement { providers }
    }

    /// The part of each provider, largest share first.
    pub fn providers(&self) -> &[Placed] {
        &self.providers
    }

    /// The share of a provider, 0 to 1.
    pub fn share(&self, provider: &str) -> f64 {
        self.providers.iter().filter(|placed| placed.provider == provider).map(|placed| placed.share).sum()
    }

    /// The part of `requirement` that is not met.
    pub(super) fn unmet(&self, requirement: &Requirement) -> Option<String> {
        // Shares are ratios of integers, so smaller differences are rounding errors.
        const TOLERANCE: f64 = 1e-9;
        let met = match requirement {
            Requirement::Only(names) => self.providers.iter().all(|placed| names.contains(&placed.provider)),
            Requirement::Shares(shares) => shares.iter().all(|(name, share)| self.share(name) + TOLERANCE >= *share),
        };
        (!met).then(|| self.to_string())
    }

    /// Whether providers other than the CPU were available (`active`), but every node was placed on the CPU.
    pub(super) fn fell_back(&self, active: &[&str]) -> bool {
        active.iter().any(|name| *name != "cpu") && self.providers.iter().all(|placed| placed.provider == "cpu")
    }
}

/// `cuda 96 % (98 nodes), cpu 4 % (4 nodes)`
impl fmt::Display for Placement {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.providers.iter().map(Placed::to_string).collect::<Vec<_>>().join(", "))
    }
}

impl fmt::Display for Placed {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let unit = match (compiles(&self.provider), self.nodes) {
            (true, 1) => "compiled piece",
            (true, _) => "compiled pieces",
            (false, 1) => "node",
            (false, _) => "nodes",
        };
        write!(formatter, "{} {:.0} % ({} {unit})", self.provider, self.share * 100.0, self.nodes)
    }
}

/// Listens to the log of a session that is being built.
#[derive(Default, Clone)]
pub(super) struct Listener {
    counts: Arc<Mutex<Vec<(String, usize)>>>,
}

impl Listener {
    /// Receiver of the session's log. Warnings and errors are forwarded to our own log.
    pub fn logger(&self) -> LoggerFunction {
        let counts = self.counts.clone();
        Arc::new(move |level, category, id, location, message| {
            if level >= LogLevel::Warning {
                forward(level, category, id, location, message);
            } else if let Some(count) = parse(message) {
                counts.lock().unwrap_or_else(PoisonError::into_inner).push(count);
            }
        })
    }

    /// The reported placement; `None` if this build of ONNX Runtime does not report it.
    pub fn placement(&self, nodes_in_file: usize) -> Option<Placement> {
        let counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
        (!counts.is_empty()).then(|| Placement::new(&counts, nodes_in_file))
    }
}

/// The placement that the messages of a session's log report, one message per line.
pub fn of_log(log: &str, nodes_in_file: usize) -> Option<Placement> {
    let counts: Vec<_> = log.lines().filter_map(parse).collect();
    (!counts.is_empty()).then(|| Placement::new(&counts, nodes_in_file))
}

/// Provider and number of nodes of ` All nodes placed on [X]. Number of nodes: N` or ` Node(s) placed on [X]. ...`.
fn parse(message: &str) -> Option<(String, usize)> {
    let (before, rest) = message.trim().split_once(" placed on [")?;
    if !matches!(before, "All nodes" | "Node(s)") {
        return None;
    }
    let (name, count) = rest.split_once("]. Number of nodes: ")?;
    // 32 bits, so that sums do not overflow.
    Some((name.to_string(), count.parse::<u32>().ok()? as usize))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn placement(counts: &[(&str, usize)], nodes_in_file: usize) -> Placement {
        let counts: Vec<_> = counts.iter().map(|(name, nodes)| (name.to_string(), *nodes)).collect();
        Placement::new(&counts, nodes_in_file)
    }

    #[test]
    fn reads_the_messages_of_the_log() {
        let all = parse(" All nodes placed on [CPUExecutionProvider]. Number of nodes: 102");
        assert_eq!(all, Some(("CPUExecutionProvider".to_string(), 102)));
        let some = parse(" Node(s) placed on [CUDAExecutionProvider]. Number of nodes: 7");
        assert_eq!(some, Some(("CUDAExecutionProvider".to_string(), 7)));
        for other in [
            "Node placements",
            "  MatMul (All nodes placed on [CUDAExecutionProvider]. Number of nodes: 9)",
            " Node(s) placed on [X]. Number of nodes: many",
            "Some nodes were not assigned to the preferred execution providers",
        ] {
            assert_eq!(parse(other), None, "{other}");
        }
    }

    #[test]
    fn shares_are_of_nodes() {
        let mixed = placement(&[("CPUExecutionProvider", 5), ("CUDAExecutionProvider", 95)], 140);
        assert_eq!(mixed.to_string(), "cuda 95 % (95 nodes), cpu 5 % (5 nodes)");
        assert_eq!((mixed.share("cuda"), mixed.share("tensorrt")), (0.95, 0.0));
        assert!(!mixed.fell_back(&["cuda", "cpu"]));
    }

    #[test]
    fn a_compiled_piece_counts_as_many_nodes() {
        let mixed = placement(&[("OpenVINOExecutionProvider", 5), ("CPUExecutionProvider", 4)], 100);
        assert_eq!(mixed.to_string(), "openvino 96 % (5 compiled pieces), cpu 4 % (4 nodes)");
        let whole = placement(&[("TensorrtExecutionProvider", 1)], 100);
        assert_eq!(whole.share("tensorrt"), 1.0);
    }

    #[test]
    fn a_registered_provider_without_nodes_is_reported() {
        let fallen = placement(&[("CPUExecutionProvider", 100)], 100);
        assert!(fallen.fell_back(&["cuda", "cpu"]));
        assert!(!fallen.fell_back(&["cpu"]));
        assert!(placement(&[], 0).share("cpu") == 0.0);
    }

    #[test]
    fn requirements_are_met_or_reported_with_figures() {
        let mixed = placement(&[("CPUExecutionProvider", 10), ("CUDAExecutionProvider", 90)], 100);
        let share = |share| Requirement::Shares([("cuda".to_string(), share)].into());
        assert_eq!(mixed.unmet(&share(0.9)), None);
        assert_eq!(mixed.unmet(&share(0.91)).unwrap(), "cuda 90 % (90 nodes), cpu 10 % (10 nodes)");
        assert!(mixed.unmet(&Requirement::Only(vec!["cuda".into()])).is_some());
        assert!(mixed.unmet(&Requirement::Only(vec!["cuda".into(), "cpu".into()])).is_none());
        assert!(mixed.unmet(&Requirement::Shares([("tensorrt".to_string(), 0.01)].into())).is_some());
    }
}
