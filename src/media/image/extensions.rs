//! File name extensions of pictures.

/// Extensions of pictures that [`load`](super::load) decodes, in lower case.
pub const EXTENSIONS: &[&str] = &[
    "png", "apng", "jpg", "jpeg", "jpe", "jif", "jfif", "jfi", "mpo", "gif", "webp", "bmp", "dib", "tif", "tiff",
    "tga", "icb", "vda", "vst", "ico", "pnm", "pbm", "pgm", "ppm", "pam", "qoi", "hdr", "exr", "ff", "dds",
];

/// Extensions of unsupported picture formats. Such a file is an input too: the error in its result says what to do.
pub const UNSUPPORTED_EXTENSIONS: &[&str] = &["heic", "heif", "hif", "avif", "jp2", "j2k", "jpx", "jxl"];
