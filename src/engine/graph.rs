//! A graph with its session, addressed by the roles of `model.yaml`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use ort::logging::LogLevel;
use ort::session::{NoSelectedOutputs, RunOptions, Session, SessionInputValue};
use ort::value::{Outlet, TensorElementType};

use super::boundary::{check_inputs, check_outputs};
use super::error::{EngineError, Reported};
use super::placement::Placement;
use super::providers::{MissingProvider, Registered};
use super::tensor::Tensor;
use super::trial::Trial;
use super::turnstile::Turnstile;
use crate::config::model_folder::{Axis, ElementType, GraphSpec, TensorSpec};
use crate::support::request::Request;

/// A loaded graph. Several threads may use it: they take turns run by run, the most urgent request first.
pub struct Graph {
    pub(super) name: String,
    pub(super) session: Turnstile<Session>,
    pub(super) run_options: RunOptions<NoSelectedOutputs>,
    pub(super) inputs: BTreeMap<String, Vec<String>>,
    pub(super) outputs: BTreeMap<String, Vec<String>>,
    pub(super) specs: Specs,
    provider: &'static str,
    providers: Registered,
    placement: Option<Placement>,
    trial: Trial,
    /// Whether it has run on this machine.
    pub(super) proven: AtomicBool,
}

/// Description of the graph's tensors in `model.yaml`, by role.
pub(super) struct Specs {
    pub inputs: BTreeMap<String, TensorSpec>,
    pub outputs: BTreeMap<String, TensorSpec>,
}

/// Outputs of one run, by role; a role with one tensor for each layer has them in order.
#[derive(Debug)]
pub struct Outputs {
    graph: String,
    tensors: BTreeMap<String, Vec<Tensor>>,
}

impl Graph {
    /// Checks the session's tensors against `spec`.
    pub(super) fn new(
        name: String,
        path: PathBuf,
        session: Session,
        spec: &GraphSpec,
        providers: Registered,
        placement: Option<Placement>,
    ) -> Result<Self, EngineError> {
        let layers = spec.layers();
        let inputs = roles(&path, "input", session.inputs(), &spec.inputs, layers)?;
        let outputs = roles(&path, "output", session.outputs(), &spec.outputs, layers)?;
        if let Some(extra) =
            session.inputs().iter().find(|outlet| !inputs.values().flatten().any(|n| n == outlet.name()))
        {
            let problem = format!("the graph has an input `{}` that model.yaml does not list", extra.name());
            return Err(EngineError::Tensors { path, problem });
        }
        if let Some(extra) =
            session.outputs().iter().find(|outlet| !outputs.values().flatten().any(|n| n == outlet.name()))
        {
            let problem = format!("the graph has an output `{}` that model.yaml does not list", extra.name());
            return Err(EngineError::Tensors { path, problem });
        }
        let failed = |source: ort::Error| EngineError::Run { graph: name.clone(), source: Reported::by(&source) };
        let mut run_options = RunOptions::new().map_err(failed)?;
        // The session's log is verbose to report the placement; each run would log its threads too.
        run_options.set_log_level(LogLevel::Warning).map_err(failed)?;
        let most = placement.as_ref().and_then(|placement| placement.providers().first());
        let named = |name: &str| providers.active.iter().find(|active| **active == name).copied();
        let provider = match most {
            Some(most) => named(&most.provider).unwrap_or("cpu"),
            None => providers.active.first().copied().unwrap_or("cpu"),
        };
        let session = Turnstile::new(session);
        let specs = Specs { inputs: spec.inputs.clone(), outputs: spec.outputs.clone() };
        let (trial, proven) = (Trial::new(spec), AtomicBool::new(false));
        Ok(Graph { name, session, run_options, inputs, outputs, specs, provider, providers, placement, trial, proven })
    }

    /// `model/role`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The execution provider of most of the graph's nodes, by its name in device files; if ONNX Runtime does not
    /// report the placement, the first one that loaded.
    pub fn provider(&self) -> &'static str {
        self.provider
    }

    /// Placement of the graph's nodes; `None` if ONNX Runtime does not report it.
    pub fn placement(&self) -> Option<&Placement> {
        self.placement.as_ref()
    }

    /// Requested providers that could not be loaded.
    pub fn missing_providers(&self) -> &[MissingProvider] {
        &self.providers.missing
    }

    /// Runs the graph. `inputs` returns the tensors of each role: one, or one per decoder layer.
    ///
    /// The outputs are as `model.yaml` describes them: every role, with its type and shape, with the same length of
    /// each dynamic axis as in the inputs, and finite, except a decoder's cache, which is not scanned. For Whisper's
    /// decoder this check reads one row of logits per step.
    ///
    /// # Errors
    /// [`EngineError::Run`] with what ONNX Runtime reported, [`EngineError::Unfit`] if it would report it for any
    /// input;
    /// [`EngineError::Fed`], [`EngineError::Shape`] and [`EngineError::NotFinite`] for tensors that differ from
    /// `model.yaml`; [`EngineError::Stopped`] if the current request was cancelled or its deadline passed.
    pub fn run(&self, inputs: &[(&str, &[Tensor])]) -> Result<Outputs, EngineError> {
        Request::current().check().map_err(EngineError::Stopped)?;
        let axes = check_inputs(&self.name, &self.specs.inputs, &self.inputs, inputs)?;
        let tensors = self.execute(inputs.iter().copied()).map_err(|source| self.failure(source))?;
        check_outputs(&self.name, &self.specs.outputs, &self.outputs, &tensors, axes)?;
        Ok(Outputs { graph: self.name.clone(), tensors })
    }

    /// Runs the graph on input generated from its description, to test whether it can run on this machine.
    ///
    /// # Errors
    /// [`EngineError::Unfit`] with what ONNX Runtime reported.
    pub fn try_once(&self) -> Result<(), EngineError> {
        for run in 0..self.trial.runs() {
            let made = self.trial.inputs(run)?;
            let fed = made.iter().map(|(role, tensors)| (role.as_str(), tensors.as_slice()));
            let failed = |source| EngineError::Unfit { graph: self.name.clone(), source: Reported::by(&source) };
            self.execute(fed).map_err(failed)?;
        }
        Ok(())
    }

    /// The error of a run: it concerns the input, unless the graph has never run here and fails on generated input too.
    pub(super) fn failure(&self, source: ort::Error) -> EngineError {
        if !self.proven.load(Ordering::Relaxed)
            && let Err(unfit @ EngineError::Unfit { .. }) = self.try_once()
        {
            return unfit;
        }
        EngineError::Run { graph: self.name.clone(), source: Reported::by(&source) }
    }

    /// Feeds the tensors of each role, and returns those of each output role.
    fn execute<'t>(
        &self,
        inputs: impl Iterator<Item = (&'t str, &'t [Tensor])>,
    ) -> Result<BTreeMap<String, Vec<Tensor>>, ort::Error> {
        let mut fed: Vec<(Cow<'_, str>, SessionInputValue<'_>)> = Vec::new();
        for (role, tensors) in inputs {
            let names = self.inputs.get(role).map(Vec::as_slice).unwrap_or_default();
            fed.extend(names.iter().zip(tensors).map(|(name, tensor)| (Cow::from(name.as_str()), (&tensor.0).into())));
        }
        let mut session = self.session.take(Request::current().priority());
        let mut found = session.run_with_options(fed, &self.run_options)?;
        self.proven.store(true, Ordering::Relaxed);
        let tensors = self.outputs.iter().map(|(role, names)| {
            (role.clone(), names.iter().filter_map(|name| found.remove(name)).map(Tensor).collect())
        });
        Ok(tensors.collect())
    }
}

impl Outputs {
    /// Takes the tensors of a role; empty if the graph does not have the role.
    pub fn take(&mut self, role: &str) -> Vec<Tensor> {
        self.tensors.remove(role).unwrap_or_default()
    }

    /// Takes the only tensor of a role and checks its shape; `None` in `expected` is any length.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn take_one(&mut self, role: &str, expected: &[Option<usize>]) -> Result<Tensor, EngineError> {
        let mut tensors = self.take_all(role, expected)?;
        match (tensors.pop(), tensors.pop()) {
            (Some(tensor), None) => Ok(tensor),
            _ => Err(self.shape(role, Vec::new(), "one tensor".to_string())),
        }
    }

    /// Takes all tensors of a role and checks their shape; `None` in `expected` is any length.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn take_all(&mut self, role: &str, expected: &[Option<usize>]) -> Result<Vec<Tensor>, EngineError> {
        let tensors = self.take(role);
        for tensor in &tensors {
            let found = tensor.shape();
            let fits = found.len() == expected.len()
                && found.iter().zip(expected).all(|(&length, wanted)| wanted.is_none_or(|wanted| wanted == length));
            if !fits {
                let axes: Vec<_> =
                    expected.iter().map(|axis| axis.map_or_else(|| "any".to_string(), |n| n.to_string())).collect();
                return Err(self.shape(role, found, format!("[{}]", axes.join(", "))));
            }
        }
        Ok(tensors)
    }

    fn shape(&self, role: &str, found: Vec<usize>, expected: String) -> EngineError {
        EngineError::Shape { graph: self.graph.clone(), tensor: role.to_string(), found, expected }
    }
}

/// The names of each role, after checking that the graph has them with the type and shape in `specs`.
fn roles(
    path: &Path,
    side: &str,
    outlets: &[Outlet],
    specs: &BTreeMap<String, TensorSpec>,
    layers: usize,
) -> Result<BTreeMap<String, Vec<String>>, EngineError> {
    let mut roles = BTreeMap::new();
    for (role, spec) in specs {
        let names = spec.names(layers);
        for name in &names {
            let problem = match outlets.iter().find(|outlet| outlet.name() == name) {
                Some(outlet) => mismatch(outlet, spec),
                None => {
                    let have = outlets.iter().map(Outlet::name).collect::<Vec<_>>().join(", ");
                    Some(format!("the graph has no {side} `{name}` (`{role}` in model.yaml); it has {have}"))
                }
            };
            if let Some(problem) = problem {
                return Err(EngineError::Tensors { path: path.to_path_buf(), problem });
            }
        }
        roles.insert(role.clone(), names);
    }
    Ok(roles)
}

/// How a tensor of the graph differs from its description.
fn mismatch(outlet: &Outlet, spec: &TensorSpec) -> Option<String> {
    let (name, found) = (outlet.name(), outlet.dtype());
    let element = match spec.element {
        ElementType::Float32 => TensorElementType::Float32,
        ElementType::Float16 => TensorElementType::Float16,
        ElementType::Int64 => TensorElementType::Int64,
    };
    let Some((found_element, shape)) = found.tensor_type().zip(found.tensor_shape()) else {
        return Some(format!("`{name}` is not a tensor"));
    };
    if found_element != element {
        return Some(format!("`{name}` has {found_element} elements, but model.yaml says {element}"));
    }
    if shape.len() != spec.shape.len() {
        return Some(format!("`{name}` has {} axes, but model.yaml says {}", shape.len(), spec.shape.len()));
    }
    // Dynamic axes of a graph are negative; lengths that are fixed on both sides must agree.
    let axis = shape.iter().zip(&spec.shape).position(|(&length, wanted)| match wanted {
        Axis::Fixed(wanted) => length >= 0 && length != *wanted as i64,
        Axis::Dynamic(_) => false,
    })?;
    Some(format!("`{name}` has shape {:?}, but model.yaml says {} (axis {axis})", &shape[..], spec.shape_text()))
}
