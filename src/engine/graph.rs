//! A graph with its session, addressed by the roles of `model.yaml`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use ort::logging::LogLevel;
use ort::session::{NoSelectedOutputs, RunOptions, Session, SessionInputValue};
use ort::value::{Outlet, TensorElementType};

use super::error::EngineError;
use super::placement::Placement;
use super::providers::{MissingProvider, Registered};
use super::tensor::Tensor;
use crate::config::model_folder::{Axis, ElementType, GraphSpec, TensorSpec};

/// A loaded graph. Several threads may run it: each run locks the session, so that they take turns run by run.
pub struct Graph {
    name: String,
    session: Mutex<Session>,
    run_options: RunOptions<NoSelectedOutputs>,
    inputs: BTreeMap<String, Vec<String>>,
    outputs: BTreeMap<String, Vec<String>>,
    provider: &'static str,
    providers: Registered,
    placement: Option<Placement>,
}

/// The tensors a graph gave, by role; a role with one tensor a layer has them in order.
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
            let problem = format!("the graph wants an input `{}` that model.yaml does not name", extra.name());
            return Err(EngineError::Tensors { path, problem });
        }
        let failed = |source| EngineError::Run { graph: name.clone(), source };
        let mut run_options = RunOptions::new().map_err(failed)?;
        // The session's own log is verbose for the sake of its placement; each run would tell of its threads.
        run_options.set_log_level(LogLevel::Warning).map_err(failed)?;
        let most = placement.as_ref().and_then(|placement| placement.providers().first());
        let named = |name: &str| providers.active.iter().find(|active| **active == name).copied();
        let provider = match most {
            Some(most) => named(&most.provider).unwrap_or("cpu"),
            None => providers.active.first().copied().unwrap_or("cpu"),
        };
        Ok(Graph { name, session: Mutex::new(session), run_options, inputs, outputs, provider, providers, placement })
    }

    /// `model/role`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The execution provider that most of the graph's nodes lie on, as the device file names it; where ONNX Runtime
    /// does not tell, the first that loaded.
    pub fn provider(&self) -> &'static str {
        self.provider
    }

    /// Where the graph's nodes lie; `None` where ONNX Runtime does not tell.
    pub fn placement(&self) -> Option<&Placement> {
        self.placement.as_ref()
    }

    /// Providers that the device file asked for and that did not load.
    pub fn missing_providers(&self) -> &[MissingProvider] {
        &self.providers.missing
    }

    /// Runs the graph. `inputs` gives the tensors of each role: one, or one a decoder layer.
    ///
    /// # Errors
    /// [`EngineError::Run`] with what ONNX Runtime said.
    pub fn run(&self, inputs: &[(&str, &[Tensor])]) -> Result<Outputs, EngineError> {
        let mut fed: Vec<(Cow<'_, str>, SessionInputValue<'_>)> = Vec::new();
        for (role, tensors) in inputs {
            let names = self.inputs.get(*role).map(Vec::as_slice).unwrap_or_default();
            fed.extend(names.iter().zip(*tensors).map(|(name, tensor)| (Cow::from(name.as_str()), (&tensor.0).into())));
        }
        let failed = |source| EngineError::Run { graph: self.name.clone(), source };
        // A session is left usable by a run that panics: ONNX Runtime's state is its own.
        let mut session = self.session.lock().unwrap_or_else(PoisonError::into_inner);
        let mut found = session.run_with_options(fed, &self.run_options).map_err(failed)?;
        let tensors = self
            .outputs
            .iter()
            .map(|(role, names)| {
                (role.clone(), names.iter().filter_map(|name| found.remove(name)).map(Tensor).collect())
            })
            .collect();
        Ok(Outputs { graph: self.name.clone(), tensors })
    }
}

impl Outputs {
    /// Takes the tensors of a role; empty for a role the graph has not.
    pub fn take(&mut self, role: &str) -> Vec<Tensor> {
        self.tensors.remove(role).unwrap_or_default()
    }

    /// Takes the one tensor of a role and checks its shape; `None` in `expected` is any length.
    ///
    /// # Errors
    /// [`EngineError::Shape`].
    pub fn take_one(&mut self, role: &str, expected: &[Option<usize>]) -> Result<Tensor, EngineError> {
        let tensor = self.take(role).into_iter().next();
        let found = tensor.as_ref().map(Tensor::shape).unwrap_or_default();
        let fits = found.len() == expected.len()
            && found.iter().zip(expected).all(|(&length, wanted)| wanted.is_none_or(|wanted| wanted == length));
        match tensor {
            Some(tensor) if fits => Ok(tensor),
            _ => Err(EngineError::Shape {
                graph: self.graph.clone(),
                tensor: role.to_string(),
                found,
                expected: format!(
                    "{:?}",
                    expected.iter().map(|axis| axis.map_or(-1, |n| n as i64)).collect::<Vec<_>>()
                ),
            }),
        }
    }
}

/// The names of each role, after checking that the graph has them with the type and shape that `specs` gives.
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
        return Some(format!("`{name}` holds {found_element}, where model.yaml says {element}"));
    }
    if shape.len() != spec.shape.len() {
        return Some(format!("`{name}` has {} axes, where model.yaml says {}", shape.len(), spec.shape.len()));
    }
    // A graph's axis is negative where it is dynamic; what is fixed on either side must agree.
    let axis = shape.iter().zip(&spec.shape).position(|(&length, wanted)| match wanted {
        Axis::Fixed(wanted) => length >= 0 && length != *wanted as i64,
        Axis::Dynamic(_) => false,
    })?;
    Some(format!("`{name}` has shape {:?}, where model.yaml says {} (axis {axis})", &shape[..], spec.shape_text()))
}
