//! Tensors in ONNX Runtime's memory.

use ndarray::{Array, ArrayD, ArrayViewD, Axis, Dimension, IxDyn, concatenate};
use ort::memory::Allocator;
use ort::value::{DynValue, PrimitiveTensorElementType, Tensor as OrtTensor, TensorElementType};

use super::error::{EngineError, Reported};
use crate::config::model_folder::ElementType;

/// An input or output of a graph. It stays where ONNX Runtime allocated it: a key-value cache passed from one step to
/// the next is not copied.
#[derive(Debug)]
pub struct Tensor(pub(super) DynValue);

impl Tensor {
    /// A tensor of 32-bit floats.
    ///
    /// # Errors
    /// [`EngineError::Run`] if ONNX Runtime cannot take it.
    pub fn float<D: Dimension + 'static>(array: Array<f32, D>) -> Result<Self, EngineError> {
        OrtTensor::from_array(array.into_dyn()).map(|tensor| Tensor(tensor.into_dyn())).map_err(failed)
    }

    /// A tensor of 64-bit integers.
    ///
    /// # Errors
    /// [`EngineError::Run`] if ONNX Runtime cannot take it.
    pub fn integer<D: Dimension + 'static>(array: Array<i64, D>) -> Result<Self, EngineError> {
        OrtTensor::from_array(array.into_dyn()).map(|tensor| Tensor(tensor.into_dyn())).map_err(failed)
    }

    /// A tensor of zeros; an axis may be 0 long.
    ///
    /// # Errors
    /// [`EngineError::Run`] if ONNX Runtime cannot take it.
    pub fn zeros(shape: &[usize]) -> Result<Self, EngineError> {
        Self::float(Array::<f32, _>::zeros(IxDyn(shape)))
    }

    /// Room for 32-bit floats, whose values are undefined until they are written.
    ///
    /// # Errors
    /// [`EngineError::Run`] if ONNX Runtime cannot allocate it.
    pub(super) fn room<T: PrimitiveTensorElementType + std::fmt::Debug>(shape: &[usize]) -> Result<Self, EngineError> {
        OrtTensor::<T>::new(&Allocator::default(), shape.to_vec()).map(|made| Tensor(made.into_dyn())).map_err(failed)
    }

    /// The values, in memory order.
    ///
    /// # Errors
    /// [`EngineError::Run`] if it holds another type.
    pub(super) fn values<T: PrimitiveTensorElementType>(&self) -> Result<&[T], EngineError> {
        self.0.try_extract_tensor().map(|(_, values)| values).map_err(failed)
    }

    /// The values, in memory order, to be changed.
    ///
    /// # Errors
    /// [`EngineError::Run`] if it holds another type.
    pub(super) fn values_mut<T: PrimitiveTensorElementType>(&mut self) -> Result<&mut [T], EngineError> {
        self.0.try_extract_tensor_mut().map(|(_, values)| values).map_err(failed)
    }

    /// The values of a tensor of 32-bit floats.
    ///
    /// # Errors
    /// [`EngineError::Run`] if it holds another type.
    pub fn view(&self) -> Result<ArrayViewD<'_, f32>, EngineError> {
        self.0.try_extract_array().map_err(failed)
    }

    /// Copies tensors one after the other along the first axis. They must have the same type and other axes.
    ///
    /// # Errors
    /// [`EngineError::Run`] if they hold neither 32-bit floats nor 64-bit integers, or do not fit together.
    pub fn stack(entries: &[&Tensor]) -> Result<Self, EngineError> {
        fn joined<T: PrimitiveTensorElementType + Clone>(entries: &[&Tensor]) -> Result<ArrayD<T>, EngineError> {
            let views: Vec<_> = entries
                .iter()
                .map(|entry| entry.0.try_extract_array::<T>())
                .collect::<Result<_, _>>()
                .map_err(failed)?;
            concatenate(Axis(0), &views).map_err(|error| failed(ort::Error::new(error.to_string())))
        }
        match entries.first().and_then(|entry| entry.element()) {
            Some(ElementType::Int64) => Self::integer(joined::<i64>(entries)?),
            _ => Self::float(joined::<f32>(entries)?),
        }
    }

    /// Copies these entries of the first axis, in this order; an entry may occur several times.
    ///
    /// # Errors
    /// [`EngineError::Run`] if it holds no 32-bit floats.
    pub fn select(&self, entries: &[usize]) -> Result<Self, EngineError> {
        Self::float(self.view()?.select(Axis(0), entries))
    }

    /// Copies `entry`, whose first axis has length 1, to position `index` of the first axis.
    ///
    /// # Errors
    /// [`EngineError::Run`] if one holds no 32-bit floats, or the other axes differ.
    pub fn put(&mut self, index: usize, entry: &Tensor) -> Result<(), EngineError> {
        let mut ours = self.0.try_extract_array_mut::<f32>().map_err(failed)?;
        let entry = entry.view()?;
        if ours.shape().get(1..) != entry.shape().get(1..)
            || entry.len_of(Axis(0)) != 1
            || index >= ours.len_of(Axis(0))
        {
            let problem = format!("{:?} does not fit into {:?} at {index}", entry.shape(), ours.shape());
            return Err(failed(ort::Error::new(problem)));
        }
        ours.index_axis_mut(Axis(0), index).assign(&entry.index_axis(Axis(0), 0));
        Ok(())
    }

    /// Type of its elements; `None` if no model of this program uses it.
    pub fn element(&self) -> Option<ElementType> {
        match self.0.dtype().tensor_type()? {
            TensorElementType::Float32 => Some(ElementType::Float32),
            TensorElementType::Float16 => Some(ElementType::Float16),
            TensorElementType::Int64 => Some(ElementType::Int64),
            _ => None,
        }
    }

    /// Length of each axis.
    pub fn shape(&self) -> Vec<usize> {
        let shape = self.0.dtype().tensor_shape();
        shape.map(|shape| shape.iter().map(|&axis| axis as usize).collect()).unwrap_or_default()
    }
}

fn failed(source: ort::Error) -> EngineError {
    EngineError::Run { graph: "tensor".to_string(), source: Reported::by(&source) }
}
