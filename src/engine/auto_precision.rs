//! `precision: auto`: selects a graph's precision for this machine from a table.
//!
//! Fidelity comes before speed. In a graph that reads pictures or sound, int8 is fastest, exact enough because the
//! exporter rotates and scales the weights before rounding, and needs a quarter of fp32's memory. A graph that reads or
//! writes tokens is bound by reading its weights: 8-bit blocks (`q8`) are as fast as int8 and closest to fp32, while an
//! int8 decoder costs word accuracy (docs/models/whisper.md), so fp32 is preferred to it.
//!
//! The times for VNNI are those in docs/models/whisper.md; those for AVX2 are of whole transcripts and captions on two
//! threads. `scripts/dev.py measure_auto_precision` measures every precision of a model on the current machine, to
//! check a row or to fill one without times ([`Basis`]).

use std::collections::BTreeSet;

use super::elf::Machine;
use super::library::oldest_library;
use super::processor::Processor;
use crate::config::Provider;
use crate::config::model_folder::{GraphSpec, RuntimeVersion};

/// Precisions in order of preference.
type Order = [&'static str; 5];

const INT8_FIRST: Order = ["int8", "fp32", "fp16", "q8", "q4"];
const Q8_FIRST: Order = ["q8", "fp32", "fp16", "int8", "q4"];
/// fp16 is converted to fp32 when loaded on a CPU; on a GPU it halves the memory traffic.
const FLOATS: Order = ["fp32", "fp16", "q8", "int8", "q4"];

/// Basis of a row of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Basis {
    /// Measured times on this class of processor.
    Measured,
    /// ONNX Runtime's kernels for it, and correct results under emulation; not measured.
    Reasoned,
}

struct Row {
    processor: Processor,
    /// Graphs that read pictures or sound.
    signal: Order,
    /// Graphs that read or write tokens.
    text: Order,
    basis: Basis,
}

/// The table. A row without a fast kernel for bytes lists floating-point precisions.
const TABLE: [Row; 7] = [
    Row { processor: Processor::X86Vnni, signal: INT8_FIRST, text: Q8_FIRST, basis: Basis::Measured },
    // int8 is no slower than fp32 here, and smaller. q8 needs twice fp32's time for pictures and sound, but is faster
    // than fp32 for tokens.
    Row { processor: Processor::X86Avx2, signal: INT8_FIRST, text: Q8_FIRST, basis: Basis::Measured },
    // Blocks of bytes are converted to floats at every step.
    Row { processor: Processor::X86, signal: FLOATS, text: FLOATS, basis: Basis::Reasoned },
    Row { processor: Processor::ArmI8mm, signal: INT8_FIRST, text: Q8_FIRST, basis: Basis::Reasoned },
    Row { processor: Processor::ArmDotProduct, signal: INT8_FIRST, text: Q8_FIRST, basis: Basis::Reasoned },
    // The NEON kernel for int8 does more products per instruction than that for floats; blocks have no kernel.
    Row { processor: Processor::Arm, signal: INT8_FIRST, text: FLOATS, basis: Basis::Reasoned },
    Row { processor: Processor::Other, signal: FLOATS, text: FLOATS, basis: Basis::Reasoned },
];

/// Choice of `auto` for a graph.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// One of the graph's precisions.
    pub precision: String,
    /// The reason, such as `x86-64 with VNNI; the folder has no q8`.
    pub why: String,
}

/// The target that a graph will run on.
#[derive(Debug, Clone, Copy)]
pub struct Place<'a> {
    /// The processor.
    pub processor: Processor,
    /// The library's version.
    pub library: RuntimeVersion,
    /// The graph's execution providers, in order of preference.
    pub providers: &'a [Provider],
}

/// Chooses one of the precisions of `graph`. If the library can run none of them, returns one anyway, because loading
/// it explains what it needs.
pub fn choose(graph: &GraphSpec, place: &Place) -> Choice {
    let accelerator = place.providers.first().map(Provider::name).filter(|name| *name != "cpu");
    let row = TABLE.iter().find(|row| row.processor == place.processor);
    let (order, mut why) = match (accelerator, row) {
        (Some(name), _) => (&FLOATS, format!("{name} computes with floats")),
        (None, Some(row)) => {
            let order = if graph.inputs.contains_key("input_ids") { &row.text } else { &row.signal };
            let basis = if row.basis == Basis::Measured { "" } else { ", not measured" };
            (order, format!("{}{basis}", place.processor))
        }
        (None, None) => (&FLOATS, place.processor.to_string()),
    };
    let mut passed_over = Vec::new();
    for precision in order {
        match (graph.files.contains_key(*precision), place.processor.needed(graph, precision)) {
            (false, _) => passed_over.push(format!("the folder has no {precision}")),
            (true, Some(needed)) if place.library < needed => {
                passed_over.push(format!("{precision} needs ONNX Runtime {needed} here"));
            }
            (true, _) => {
                passed_over.iter().for_each(|reason| why += &format!("; {reason}"));
                return Choice { precision: (*precision).to_string(), why };
            }
        }
    }
    // A model folder without any precision is rejected when it is read.
    let precision = graph.files.keys().next().cloned().unwrap_or_default();
    Choice { precision, why: "the folder has no other precision that the library runs".to_string() }
}

/// Every precision of `graph` that `auto` may choose on this architecture, whatever the processor and library.
pub fn possible(graph: &GraphSpec, machine: Machine, providers: &[Provider]) -> BTreeSet<String> {
    let libraries = [oldest_library(), RuntimeVersion::new(1, u32::MAX)];
    let places = Processor::of_machine(machine)
        .iter()
        .flat_map(|&processor| libraries.into_iter().map(move |library| Place { processor, library, providers }));
    places.map(|place| choose(graph, &place).precision).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn graph(input: &str, precisions: &[&str]) -> GraphSpec {
        let files: Vec<String> = precisions.iter().map(|name| format!("{name}: {name}.onnx")).collect();
        let text = format!(
            "{{files: {{{}}}, inputs: {{{input}: {{name: x, type: float32, shape: [1]}}}}, outputs: {{}}}}",
            files.join(", ")
        );
        serde_yaml::from_str(&text).unwrap()
    }

    fn place(processor: Processor, library: &str) -> Place<'static> {
        Place { processor, library: RuntimeVersion::parse(library).unwrap(), providers: &[] }
    }

    #[test]
    fn every_class_of_processor_has_its_choice() {
        let all = ["fp32", "fp16", "int8", "q8", "q4"];
        let (signal, text) = (graph("log_mel", &all), graph("input_ids", &all));
        for (processor, for_signal, for_text, on_1_22, on_1_17) in [
            (Processor::X86Vnni, "int8", "q8", "q8", "fp32"),
            (Processor::X86Avx2, "int8", "q8", "q8", "fp32"),
            (Processor::X86, "fp32", "fp32", "fp32", "fp32"),
            (Processor::ArmI8mm, "int8", "q8", "fp32", "fp32"),
            (Processor::ArmDotProduct, "int8", "q8", "fp32", "fp32"),
            (Processor::Arm, "int8", "fp32", "fp32", "fp32"),
            (Processor::Other, "fp32", "fp32", "fp32", "fp32"),
        ] {
            let chosen = |graph: &GraphSpec, library| choose(graph, &place(processor, library)).precision;
            assert_eq!(chosen(&signal, "1.32.0"), for_signal, "{processor}");
            assert_eq!(chosen(&text, "1.32.0"), for_text, "{processor}");
            assert_eq!(chosen(&text, "1.22.1"), on_1_22, "{processor}");
            assert_eq!(chosen(&text, "1.17.1"), on_1_17, "{processor}");
        }
        assert!(TABLE.iter().all(|row| TABLE.iter().filter(|other| other.processor == row.processor).count() == 1));
    }

    #[test]
    fn what_the_folder_or_the_library_lacks_is_passed_over_and_said() {
        let vnni = place(Processor::X86Vnni, "1.32.0");
        let choice = choose(&graph("pixel_values", &["fp32"]), &vnni);
        assert_eq!(choice, Choice { precision: "fp32".into(), why: "x86-64 with VNNI; the folder has no int8".into() });
        let text = graph("input_ids", &["int8", "q8"]);
        let choice = choose(&text, &place(Processor::ArmDotProduct, "1.22.2"));
        assert_eq!(choice.precision, "int8");
        assert!(choice.why.contains("q8 needs ONNX Runtime 1.23 here; the folder has no fp32"), "{}", choice.why);
        // Nothing runs: the only precision, so that loading it explains what it needs.
        assert_eq!(choose(&graph("input_ids", &["q8"]), &place(Processor::Arm, "1.17.1")).precision, "q8");
        assert_eq!(choose(&graph("input_ids", &["int4"]), &vnni).precision, "int4");
    }

    #[test]
    fn what_the_model_needs_counts_as_well() {
        let mut text = graph("input_ids", &["fp32", "q8"]);
        text.needs.insert("q8".to_string(), serde_yaml::from_str("'1.30'").unwrap());
        assert_eq!(choose(&text, &place(Processor::X86Vnni, "1.29.0")).precision, "fp32");
        assert_eq!(choose(&text, &place(Processor::X86Vnni, "1.30.0")).precision, "q8");
    }

    #[test]
    fn an_accelerator_computes_with_floats() {
        let providers: Vec<Provider> = serde_yaml::from_str("[cuda, cpu]").unwrap();
        let graph = graph("log_mel", &["fp32", "int8", "q8"]);
        let cuda = Place { providers: &providers, ..place(Processor::X86Vnni, "1.32.0") };
        let choice = choose(&graph, &cuda);
        assert_eq!((choice.precision.as_str(), choice.why.as_str()), ("fp32", "cuda computes with floats"));
        let cpu = Place { providers: &providers[1..], ..cuda };
        assert_eq!(choose(&graph, &cpu).precision, "int8");
    }

    #[test]
    fn a_bundle_holds_whatever_a_board_may_choose() {
        let of = |input: &str, machine| {
            let graph = graph(input, &["fp32", "fp16", "int8", "q8", "q4"]);
            possible(&graph, machine, &[]).into_iter().collect::<Vec<_>>()
        };
        assert_eq!(of("log_mel", Machine::Aarch64), ["int8"]);
        assert_eq!(of("input_ids", Machine::Aarch64), ["fp32", "q8"]);
        assert_eq!(of("log_mel", Machine::X86_64), ["fp32", "int8"]);
    }
}
