use super::super::FileError;
use super::MAX_NUMBERS;

/// A file that does not contain a vector. Each text is complete in one line and leaves out the path, which the caller
/// has.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum VectorError {
    /// The file cannot be read, whatever is in it.
    #[error(transparent)]
    File(#[from] FileError),

    /// Neither of the two formats.
    #[error("is neither a .npy file nor a JSON list of numbers")]
    Unknown,

    /// The header of a `.npy` file is damaged.
    #[error("the header of the .npy file cannot be read: save the array again with numpy.save")]
    Header,

    /// A `.npy` file with another element type.
    #[error("has elements of type `{found}`: save it as float32")]
    Type {
        /// NumPy's name of it.
        found: String,
    },

    /// A `.npy` file with several rows.
    #[error("has shape {found}, but must be a single vector")]
    Shape {
        /// The shape in the file.
        found: String,
    },

    /// A `.npy` file that is shorter than its header says.
    #[error("is cut off: it has {there} of {announced} bytes of numbers")]
    CutOff {
        /// Bytes that the shape needs.
        announced: usize,
        /// Bytes after the header.
        there: usize,
    },

    /// No content.
    #[error("contains no numbers")]
    NoNumbers,

    /// Longer than any model accepts.
    #[error("contains more than {MAX_NUMBERS} numbers")]
    TooLong,
}
