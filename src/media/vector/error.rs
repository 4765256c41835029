use super::super::FileError;
use super::MAX_NUMBERS;

/// Why a file gave no vector. Each text is complete in one line and leaves out the path, which the caller has.
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

    /// A `.npy` file of another type.
    #[error("holds numbers of the type `{found}`: save it as float32")]
    Type {
        /// NumPy's name of it.
        found: String,
    },

    /// A `.npy` file with several rows.
    #[error("has the shape {found}: one vector is wanted")]
    Shape {
        /// The shape as the file has it.
        found: String,
    },

    /// A `.npy` file that is shorter than its header says.
    #[error("is cut off: {announced} bytes of numbers are announced, {there} are there")]
    CutOff {
        /// Bytes that the shape needs.
        announced: usize,
        /// Bytes after the header.
        there: usize,
    },

    /// Nothing in it.
    #[error("holds no numbers")]
    NoNumbers,

    /// Longer than any model takes.
    #[error("holds more than {MAX_NUMBERS} numbers")]
    TooLong,
}
